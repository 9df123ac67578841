"""A run on a single file: trained, drawn, shared, and found again; at a size that tests can afford."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from ldm.models.diffusion import ddpm
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.runs.checkpoints import checkpoints_in
from ldm.runs.extract import extract_people
from ldm.runs.load import load, load_model, untrained
from ldm.weights.read import read_model
from ldm.weights.single import write_model
from tests.commands.generating import generate, refused
from tests.tiny_model import train_people
from tests.weights.sd1_files import small_configs, write_single


def test_people_are_learned_drawn_and_shared_on_a_single_file(
    tmp_path: Path, tiny_manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the configs are smaller than those of Stable Diffusion 1.x."""
    like = small_configs(tmp_path / "like")
    single = write_single(tmp_path / "sd.ckpt", like)
    monkeypatch.setattr(ddpm, "read_model", partial(read_model, like=like))
    run = train_people(single, tiny_manifest, tmp_path / "logs", "lightning.trainer.max_steps=2")
    names = {path.name for path in (run / "checkpoints").iterdir()}
    assert {"embeddings_gs-1.safetensors", "embeddings_gs-1.pt", "last.ckpt"} <= names
    pipe = load(run)
    pipe.set_progress_bar_config(disable=True)
    draws = torch.Generator().manual_seed(1)
    assert pipe("a photo of sks and ks", num_inference_steps=2, generator=draws).images[0].size == (16, 16)
    people, _ = extract_people(run, single, out=tmp_path / "shared")
    assert [person.token for person in people] == ["<sks>", "<ks>"]
    [vectors] = torch.load(people[0].files[3], weights_only=True)["string_to_param"].values()
    assert vectors.shape == (2, 32)


def first_weight(model: LatentDiffusion) -> float:
    return float(model.unet.conv_in.weight.detach().flatten()[0])


def test_the_averaged_weights_of_a_file_are_a_choice(
    tmp_path: Path, tiny_manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The test file's averages are half its plain weights."""
    like = small_configs(tmp_path / "like")
    single = write_single(tmp_path / "sd.ckpt", like, ema=True)
    monkeypatch.setattr(ddpm, "read_model", partial(read_model, like=like))
    plain, averaged = (first_weight(untrained(single, ema)) for ema in (False, True))
    assert averaged == pytest.approx(plain / 2)
    [checkpoint] = checkpoints_in(single, ema=True)
    assert first_weight(checkpoint.load()) == averaged
    run = train_people(single, tiny_manifest, tmp_path / "logs", "lightning.trainer.max_steps=2",
                       "model.params.ckpt_ema=true")  # fmt: skip
    assert first_weight(load_model(run)) == averaged, "as the run was trained"
    assert first_weight(load_model(run, ema=False)) == plain
    assert first_weight(load_model(run, single)) == averaged
    [step] = checkpoints_in(run, ema=False)
    assert (first_weight(step.load()), step.facts["ema"]) == (plain, False)
    [step] = checkpoints_in(run)
    assert (first_weight(step.load()), "ema" in step.facts) == (averaged, False)
    folder = write_model(tmp_path / "folder", read_model(single, like=like))
    assert first_weight(load_model(run, folder)) == plain, "a folder has one set of weights"
    [checkpoint] = checkpoints_in(folder, ema=True)
    assert "ema" not in checkpoint.facts, "nothing was chosen"
    common = ("--run", run, "--sd", folder, "--prompt", "a photo of sks", "--n", 1, "--steps", 2)
    assert refused(capsys, *common, "--ema", "--out", tmp_path / "no") == (
        f"{folder} is a folder with one set of weights: only a single file holds averages (EMA) too"
    )
    generate(*common[:2], "--sd", single, *common[4:], "--no-ema", "--out", tmp_path / "out")
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert (settings["model"], settings["ema"]) == (str(single), False)
