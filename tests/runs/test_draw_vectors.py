from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ldm.models.diffusion.pipelines import PersonPipeline
from ldm.runs.draw import DrawSettings, draw_prompt
from ldm.runs.draw_vectors import draw_vectors
from ldm.runs.load import load, people_vectors

SETTINGS = DrawSettings(num_samples=2, seed=7, num_inference_steps=3, guidance_scale=3.0, batch_size=2)


@pytest.fixture(scope="module")
def pipeline(tiny_run: Path) -> PersonPipeline:
    made = load(tiny_run)
    made.set_progress_bar_config(disable=True)
    return made


def test_the_same_pictures_as_of_a_run(pipeline: PersonPipeline) -> None:
    pipeline.people = people_vectors(pipeline.model, [1, 0])
    expected = dict(draw_prompt(pipeline, "a photo of sks", SETTINGS))
    vectors = people_vectors(pipeline.model, [1]).expand(2, -1, -1)
    drawn = draw_vectors(pipeline, ["a photo of <sks>"] * 2, vectors, [7, 8], SETTINGS)
    for seed, picture in zip((7, 8), drawn, strict=True):
        assert np.array_equal(np.asarray(picture), np.asarray(expected[seed]))


def test_a_picture_depends_on_its_own_person_prompt_and_seed(pipeline: PersonPipeline) -> None:
    first, second = people_vectors(pipeline.model, [0, 1])
    prompts = ["a photo of sks", "a photo of sks", "a photo of sks, smiling", "a photo of sks"]
    vectors = torch.stack([first, second, first, first])
    together = draw_vectors(pipeline, prompts, vectors, [1, 1, 1, 2], replace(SETTINGS, batch_size=3))
    assert len({picture.tobytes() for picture in together}) == 4
    alone = draw_vectors(pipeline, prompts[1:2], vectors[1:2], [1], SETTINGS)
    difference = np.asarray(alone[0]).astype(int) - np.asarray(together[1])
    assert np.abs(difference).max() <= 1
