"""Prompts drawn again and again while a run goes on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from torch.utils.data import DataLoader

from ldm.batch import Batch
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.modules.placeholders import PromptTooLongError
from ldm.randomness import generator
from ldm.runs.previews import Previews

LORA = {"target": "ldm.modules.lora.LoraAdapter", "params": {"rank": 2}}


def fit(weights: Path, *callbacks: pl.Callback, steps: int = 4) -> LatentDiffusion:
    torch.manual_seed(0)
    model = LatentDiffusion(weights, personalization_config=LORA)
    model.learning_rate = 0.05
    batch: Batch = {"latents": torch.randn(2, 4, 8, 8, generator=generator(1)), "caption": ["a photo of sks"] * 2}
    options: dict[str, Any] = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
    trainer = pl.Trainer(
        max_steps=steps, accelerator="cpu", callbacks=list(callbacks), enable_checkpointing=False, **options
    )
    trainer.fit(model, DataLoader([batch] * steps, batch_size=None))
    return model


def pictures(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.glob("samples/*.png"))}


def test_every_so_many_steps_the_same_pictures_of_a_changing_model(tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("# what a person looks like\na photo of a person\n", encoding="utf-8")
    looks = Previews(2, ["a photo of sks"], file, num_pictures=3, seed=7, batch_size=2, folder=tmp_path)
    watched, alone = fit(tiny_model, looks), fit(tiny_model)
    state = alone.state_dict()
    assert all(value.equal(state[name]) for name, value in watched.state_dict().items()), "looking changes nothing"

    first, second = (pictures(tmp_path / "previews" / f"gs-00000{step}") for step in (1, 3))
    names = [
        f"{place}_{seed:05d}.png" for place in ("0000-a-photo-of-sks", "0001-a-photo-of-a-person") for seed in (7, 8, 9)
    ]
    assert list(first) == list(second) == names
    assert not (first[names[0]] == second[names[0]]).all()
    assert not (first[names[0]] == first[names[1]]).all()
    settings = json.loads((tmp_path / "previews" / "gs-000003" / "settings.json").read_text(encoding="utf-8"))
    assert (settings["settings"]["guidance_scale"], settings["settings"]["num_inference_steps"]) == (4.0, 4)
    assert settings["samples"][0]["step"] == 3


def test_a_prompt_that_does_not_fit_is_seen_before_the_first_step(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(PromptTooLongError, match="the prompt 'face face"):
        fit(tiny_model, Previews(prompts=["face " * 40], folder=tmp_path))


def test_nothing_to_draw_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"callbacks\.previews: nothing would be drawn: give prompts or a prompts_file"
    ):
        Previews()
    with pytest.raises(FileNotFoundError, match="there is no file of prompts at"):
        Previews(prompts_file=tmp_path / "none.txt")
    assert Previews(disabled=True).prompts == []
