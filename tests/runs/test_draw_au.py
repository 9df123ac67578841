"""Pictures of faces that are asked to do something: what is there is kept, and a picture depends on itself alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm.models.diffusion.pipelines import PersonPipeline
from ldm.modules.placeholders import PromptTooLongError
from ldm.runs.draw import DrawSettings
from ldm.runs.draw_au import AuRequest, draw_requests
from ldm.runs.load import untrained

SETTINGS = DrawSettings(num_inference_steps=2, guidance_scale=3.0, batch_size=2)


@pytest.fixture(scope="module")
def pipeline(tiny_model: Path) -> PersonPipeline:
    made: PersonPipeline = PersonPipeline.of(untrained(tiny_model))
    made.set_progress_bar_config(disable=True)
    return made


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_pictures_are_drawn_once_each_from_its_own_noise(pipeline: PersonPipeline, tmp_path: Path) -> None:
    wanted = [
        AuRequest(f"a/{n}.png", prompt, seed, facts={"au": "AU12=3"})
        for n, (prompt, seed) in enumerate(
            [("a photo of a face", 1), ("a photo of a person", 1), ("a photo of a face", 2)]
        )
    ]
    first = draw_requests(pipeline, wanted, SETTINGS, tmp_path / "many")
    assert [path.name for path in first] == ["0.png", "1.png", "2.png"]
    [alone] = draw_requests(pipeline, wanted[2:], SETTINGS, tmp_path / "one")
    assert np.abs(pixels(alone) - pixels(first[2])).max() <= 1
    assert np.abs(pixels(first[0]) - pixels(first[1])).max() > 1
    facts = json.loads(Image.open(alone).info["ldm"])
    assert (facts["seed"], facts["au"], facts["prompt"]) == (2, "AU12=3", "a photo of a face")
    written = first[0].stat().st_mtime_ns
    done: list[int] = []
    first[1].unlink()
    draw_requests(pipeline, wanted, SETTINGS, tmp_path / "many", advance=done.append)
    assert done == [2, 1]
    assert first[0].stat().st_mtime_ns == written
    assert len(json.loads((tmp_path / "many" / "settings.json").read_text())["samples"]) == 3


def test_a_prompt_that_does_not_fit_is_seen_before_anything_is_drawn(pipeline: PersonPipeline, tmp_path: Path) -> None:
    wanted = [AuRequest("0.png", "a photo", 1), AuRequest("1.png", "a photo of a face " * 20, 1)]
    with pytest.raises(PromptTooLongError):
        draw_requests(pipeline, wanted, SETTINGS, tmp_path)
    assert not list(tmp_path.iterdir())
