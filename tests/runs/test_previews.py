"""Prompts drawn again and again while a run goes on."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from torch.utils.data import DataLoader

from ldm.batch import Batch
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.modules.placeholders import PlaceholderError, PromptTooLongError
from ldm.randomness import generator
from ldm.runs.previews import Previews
from tests.models.diffusion.conftest import PEOPLE, Make, a_batch, faces, make

__all__ = ["make"]
LORA = {"target": "ldm.modules.lora.LoraAdapter", "params": {"rank": 2}}


def fit(weights: Path, *callbacks: pl.Callback, steps: int = 4) -> LatentDiffusion:
    torch.manual_seed(0)
    model = LatentDiffusion(weights, personalization_config=LORA)
    model.learning_rate = 0.05
    batch: Batch = {"latents": torch.randn(2, 4, 8, 8, generator=generator(1)), "caption": ["a photo of sks"] * 2}
    return run(model, [batch] * steps, *callbacks)


def run(
    model: LatentDiffusion, batches: list[Batch], *callbacks: pl.Callback, people: Sequence[str] = ()
) -> LatentDiffusion:
    """Train on ``batches``, whose data set has ``people``, if anybody."""
    options: dict[str, Any] = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
    trainer = pl.Trainer(
        max_steps=len(batches), accelerator="cpu", callbacks=list(callbacks), enable_checkpointing=False, **options
    )
    trainer.fit(model, datamodule=Known(batches, people))
    return model


class Known(pl.LightningDataModule):
    """Batches, and the people of whom the data set has photos."""

    def __init__(self, batches: list[Batch], people: Sequence[str]) -> None:
        super().__init__()
        data = SimpleNamespace(people=people, records=(), owner=())
        self.batches, self.datasets = batches, {"train": data if people else None}

    def train_dataloader(self) -> Any:
        return DataLoader(self.batches, batch_size=None)


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


def test_more_people_than_the_data_has_are_refused_before_the_first_step(make: Make, tmp_path: Path) -> None:
    looks = Previews(1, ["a face", "sks and ks"], folder=tmp_path)
    with pytest.raises(
        PlaceholderError, match="'sks and ks' asks for 'ks', person 2, but the number of people given is 1"
    ):
        run(make(PEOPLE), [a_batch()], looks, people=["Ada"])
    assert not (tmp_path / "previews").exists()


def test_people_who_were_not_met_yet_are_left_out_until_they_are(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one: Batch = {
        **a_batch(),
        "caption": ["sks", "sks"],
        "faces": faces(0, 0)[:, None],
        "ids": torch.zeros(2, 1).long(),
    }
    looks = Previews(1, ["sks and ks", "a face", "sks"], num_pictures=1, num_inference_steps=1, folder=tmp_path)
    run(make(PEOPLE), [one, a_batch()], looks, people=["Ada", "Geörge"])
    sheets = [sorted(p.name for p in (tmp_path / "previews" / f"gs-00000{step}").glob("*.png")) for step in (0, 1)]
    assert sheets == [["0000-a-face.png", "0001-sks.png"], ["0000-sks-and-ks.png", "0001-a-face.png", "0002-sks.png"]]
    assert caplog.text.count("are without") == 1
    assert (
        "previews of step 0 are without 1 of 3 prompts, first 'sks and ks': so far the number of people met is 1"
        in (caplog.text)
    )
    model = make(PEOPLE).eval()
    assert looks.draw(model, tmp_path, 5)[0][0] == "previews/01", "nobody is met, and a face is nobody"
    assert Previews(1, ["sks"], folder=tmp_path).draw(model, tmp_path, 6) == []


def test_a_step_that_is_drawn_a_second_time_shows_the_second_prompt(make: Make, tmp_path: Path) -> None:
    """A run that was killed and goes on with other prompts."""
    model, shown = make(LORA).eval(), []
    with torch.no_grad():
        for prompt in ("a face", "a photo of a man", "a face"):
            looks = Previews(prompts=[prompt], num_pictures=1, num_inference_steps=1, folder=tmp_path)
            [(_, picture, words)] = looks.draw(model, tmp_path, 3)
            assert words == prompt
            shown.append(np.asarray(picture))
    assert (shown[0] == shown[2]).all()
    assert not (shown[0] == shown[1]).all()
