"""`generate --au` with a run that has learned a vector of action units."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.commands.generating import generate, pixels, refused, samples
from tests.tiny_model import ROOT


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, astronaut: Image.Image, hopper: Image.Image
) -> Path:
    """Four steps on two labelled photos, at a rate at which the units come to look different."""
    from main import main

    folder = tmp_path_factory.mktemp("au")
    astronaut.save(folder / "a.png")
    hopper.save(folder / "b.png")
    np.savez(folder / "action_units.npz", paths=np.array(["a.png", "b.png"]), units=np.array([6, 12]),
             occurrence=np.array([[1.0, 1.0], [0.0, 0.0]]), intensity=np.array([[5.0, 5.0], [0.0, 0.0]]))  # fmt: skip
    parts = "model.params.personalization_config.params.parts"
    words = [
        "--base", str(ROOT / "configs" / "stable-diffusion" / "au_vector.yaml"), "-t", "-n", "au",
        "--actual_resume", str(tiny_model), "--data_root", str(folder), "-l", str(folder / "logs"),
        f"{parts}.0.params.rank=2", f"{parts}.1.params.units=[6,12]", "data.params.batch_size=2",
        "lightning.trainer.max_steps=4", "lightning.modelcheckpoint.params.every_n_train_steps=4",
        "lightning.trainer.accelerator=cpu", "model.base_learning_rate=0.3",
        "data.params.train.params.unit_dropout=0.0", "data.params.train.params.au_dropout=0.0",
        "model.params.optimizer_config.params.warmup_steps=0",
        "lightning.callbacks.image_logger.params.disabled=true",
    ]  # fmt: skip
    assert main(words) == 0
    [made] = (folder / "logs").iterdir()
    return made


def drawn(run: Path, out: Path, *words: Any) -> Path:
    generate("--run", run, "--prompt", "a face", "--n", 1, "--out", out, *words)
    return samples(out)[0]


def test_units_are_told_by_a_vector(run: Path, tmp_path: Path) -> None:
    smile, none = drawn(run, tmp_path / "5", "--au", "12=5"), drawn(run, tmp_path / "0", "--au", "12=0")
    assert np.abs(pixels(smile) - pixels(none)).max() > 1
    facts = json.loads(Image.open(smile).info["ldm"])
    assert (facts["au"], facts["au_by"], facts["prompt"]) == ("AU12=5", "vector", "a face bop")
    usual = drawn(run, tmp_path / "usual", "--au", "12=5", "--guidance", 3, "--au-guidance", 3)
    assert np.abs(pixels(usual) - pixels(drawn(run, tmp_path / "3", "--au", "12=5", "--guidance", 3))).max() <= 1
    more = drawn(run, tmp_path / "more", "--au", "12=5", "--guidance", 3, "--au-guidance", 9)
    assert np.abs(pixels(usual) - pixels(more)).max() > 1


def test_a_sweep_by_vector(run: Path, tmp_path: Path) -> None:
    generate("--run", run, "--prompt", "a face", "--n", 2, "--out", tmp_path, "--au-sweep", "12=0..3")
    assert len(samples(tmp_path)) == 8
    assert len(samples(tmp_path, au="AU12=2")) == 2
    assert Image.open(tmp_path / "sweep.gif").n_frames == 6


def test_what_a_vector_cannot_say(
    capsys: pytest.CaptureFixture[str], run: Path, tiny_run: Path, tmp_path: Path
) -> None:
    common = ("--prompt", "a face", "--out", tmp_path)
    said = refused(capsys, "--run", run, *common, "--au", "4=2")
    assert said == "AU4: this run has learned the action units 6, 12"
    said = refused(capsys, "--run", run, *common, "--au", "R12=2")
    assert said == "AU12 on the right side: a vector tells of both sides; leave out L and R"
    assert refused(capsys, "--run", run, *common, "--au-guidance", 3).startswith(
        "--au-guidance is the strength of what"
    )
