"""`generate --au` with a run that has learned a vector of action units."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.commands.generating import generate, pixels, refused, samples
from tests.tiny_model import ROOT


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, astronaut: Image.Image, hopper: Image.Image
) -> Path:
    """Four steps on two labelled photos, at a rate at which the units come to look different."""
    folder = tmp_path_factory.mktemp("au")
    label(folder, astronaut, hopper)
    parts = "model.params.personalization_config.params.parts"
    return train("au_vector.yaml", folder, tiny_model, f"{parts}.0.params.rank=2", f"{parts}.1.params.units=[6,12]")


def label(folder: Path, astronaut: Image.Image, hopper: Image.Image) -> None:
    """Two photos, one with both units, one with neither, as `prepare au` leaves them."""
    astronaut.save(folder / "a.png")
    hopper.save(folder / "b.png")
    np.savez(folder / "action_units.npz", paths=np.array(["a.png", "b.png"]), units=np.array([6, 12]),
             occurrence=np.array([[1.0, 1.0], [0.0, 0.0]]), intensity=np.array([[5.0, 5.0], [0.0, 0.0]]))  # fmt: skip


def train(config: str, folder: Path, model: Path, *more: str) -> Path:
    """The run of a config of ours on the photos in ``folder``."""
    from main import main

    words = [
        "--base", str(ROOT / "configs" / "stable-diffusion" / config), "-t", "-n", "au",
        "--actual_resume", str(model), "--data_root", str(folder), "-l", str(folder / "logs"),
        "data.params.batch_size=2",
        "lightning.trainer.max_steps=4", "lightning.modelcheckpoint.params.every_n_train_steps=4",
        "lightning.trainer.accelerator=cpu", "model.base_learning_rate=0.3",
        "data.params.train.params.unit_dropout=0.0", "data.params.train.params.au_dropout=0.0",
        "model.params.optimizer_config.params.warmup_steps=0",
        "lightning.callbacks.image_logger.params.disabled=true", "data.params.train.params.balance=false",
        "lightning.callbacks.au_previews.params.levels=[0,5]", "lightning.callbacks.au_previews.params.every_n_steps=2",
        *more,
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
    own = drawn(run, tmp_path / "own", "--au", "12=5", "--guidance", 3, "--au-prompt", "a face")
    assert np.abs(pixels(usual) - pixels(own)).max() <= 1, "moved by its own prompt"
    other = drawn(run, tmp_path / "other", "--au", "12=5", "--guidance", 3, "--au-prompt", "a photo of a man")
    assert np.abs(pixels(usual) - pixels(other)).max() > 1


def test_the_run_has_drawn_every_unit_while_it_learned(run: Path) -> None:
    looks = sorted((run / "images" / "action_units").glob("*.png"))
    assert [look.stem for look in looks] == ["gs-000001", "gs-000003"]
    assert sorted(file.name for file in looks[1].with_suffix("").glob("*.png")) == [
        "AU12-0.png", "AU12-5.png", "AU6-0.png", "AU6-5.png",
    ]  # fmt: skip


def test_a_sweep_by_vector(run: Path, tmp_path: Path) -> None:
    generate("--run", run, "--prompt", "a face", "--n", 2, "--out", tmp_path, "--au-sweep", "12=0..3")
    assert len(samples(tmp_path)) == 8
    assert len(samples(tmp_path, au="AU12=2")) == 2
    assert Image.open(tmp_path / "sweep.gif").n_frames == 6


def test_a_figure_by_vector(run: Path, tmp_path: Path) -> None:
    from ldm.__main__ import main as command

    words = ["visualize", "au", "sweep", "--run", str(run), "--person", "a face", "--unit", "12", "--steps", "2"]
    with pytest.raises(SystemExit) as left:
        command([*words, "--out", str(tmp_path)])
    assert not left.value.code
    shown = samples(tmp_path)
    assert [json.loads(Image.open(one).info["ldm"])["prompt"] for one in shown] == ["a face bop"] * 6
    assert json.loads(Image.open(shown[5]).info["ldm"])["action_units"] == [None, 5.0]
    usual = pixels(shown[5])
    with pytest.raises(SystemExit) as left:
        command([*words, "--out", str(tmp_path), "--au-guidance", "9", "--au-prompt", "a photo of a man"])
    assert not left.value.code
    assert np.abs(pixels(samples(tmp_path)[5]) - usual).max() > 1


def test_a_person_learned_elsewhere_makes_a_face(run: Path, tmp_path: Path) -> None:
    vectors = 0.02 * torch.randn(2, 32, generator=torch.Generator().manual_seed(0))
    torch.save({"<ada>": vectors}, tmp_path / "ada.pt")
    words = ("--run", run, "--prompt", "a photo of <ada>", "--n", 1, "--guidance", 9)
    for level in (0, 5):
        generate(*words, "--embedding", tmp_path / "ada.pt", "--au", f"12={level}", "--out", tmp_path / str(level))
    none, smile = (samples(tmp_path / str(level))[0] for level in (0, 5))
    assert np.abs(pixels(none) - pixels(smile)).max() > 1
    assert json.loads(Image.open(smile).info["ldm"])["prompt"] == "a photo of <ada> bop"


def test_a_person_in_the_chain_makes_a_face(
    tiny_model: Path, tiny_run: Path, astronaut: Image.Image, hopper: Image.Image, tmp_path: Path
) -> None:
    """People who were learned before stay as they are while the run learns what faces do, and both are drawn."""
    label(tmp_path, astronaut, hopper)
    parts = "model.params.personalization_config.params.parts"
    people = tiny_run / "checkpoints" / "embeddings_gs-5.safetensors"
    made = train(
        "au_vector_person.yaml", tmp_path, tiny_model, "--embedding_manager_ckpt", str(people),
        f"{parts}.1.params.rank=2", f"{parts}.2.params.units=[6,12]",
    )  # fmt: skip
    before, after = (
        load_file(run / "checkpoints" / f"embeddings_gs-{step}.safetensors") for run, step in ((tiny_run, 5), (made, 3))
    )
    assert all(torch.equal(before[name], after[name]) for name in ("ids", "coefficients"))
    pictures = {}
    for who in ("sks", "ks"):
        for level in (0, 5):
            out = tmp_path / f"{who}-{level}"
            generate("--run", made, "--prompt", f"a photo of {who}", "--n", 1, "--au", f"12={level}", "--out", out)
            pictures[who, level] = pixels(samples(out)[0])
    assert np.abs(pictures["sks", 0] - pictures["sks", 5]).max() > 1
    assert np.abs(pictures["sks", 5] - pictures["ks", 5]).max() > 1


def test_measured_against_what_was_asked_for(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command from the drawing to the page, with a reader that looks at brightness; and again, nothing anew."""
    from evaluation.studies.action_units import run as study
    from ldm.__main__ import main as command

    class Brightness:
        name, independent, present_from = "brightness", True, {12: 2.5}

        def __call__(self, picture: Image.Image) -> dict[int, float]:
            return {12: float(np.asarray(picture.convert("L")).mean()) / 51}

    monkeypatch.setattr(study, "_readers", lambda request: ([Brightness()], [6, 12]))
    (read_by := tmp_path / "read_by").write_text("a file: its hash is claimed, the reader above does not need it")
    words = ["evaluate", "au", "--run", str(run), "--landmarker", str(read_by), "--thresholds", str(read_by)]
    words += ["--units", "12", "--levels", "0,3,5", "--n", "2", "--out", str(tmp_path / "out"), "--au-guidance", "6"]
    words += ["--au-prompt", "a photo of a man"]
    for _ in range(2):
        with pytest.raises(SystemExit) as left:
            command(words)
        assert not left.value.code
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    [row] = told["tables"]["dose-and-response"]
    assert (row["read by"], row["unit"]) == ("brightness", "AU12 lip corner puller")
    assert len(list((tmp_path / "out" / "sweep" / "AU12").glob("*.png"))) == 6
    assert len((tmp_path / "out" / "readings.jsonl").read_text().splitlines()) == 6
    for other in (["--prompt", "a face"], ["--au-prompt", "a face"]):
        with pytest.raises(SystemExit) as left:
            command([*words, *other])
        assert left.value.code, "pictures of other settings lie there"
    read_by.write_text("another")
    with pytest.raises(SystemExit) as left:
        command(words)
    assert left.value.code, "readings by another network lie there"


def test_what_a_vector_cannot_say(
    capsys: pytest.CaptureFixture[str], run: Path, tiny_run: Path, tmp_path: Path
) -> None:
    common = ("--prompt", "a face", "--out", tmp_path)
    said = refused(capsys, "--run", run, *common, "--au", "4=2")
    assert said == "AU4: this run has learned the action units 6, 12"
    said = refused(capsys, "--run", run, *common, "--au", "R12=2,6=1")
    assert said == 'AU12 on the right side: a vector tells of both sides; write --au "12=2,6=1"'
    assert refused(capsys, "--run", run, *common, "--au-guidance", 3).startswith(
        "--au-guidance is the strength of what"
    )
    assert refused(capsys, "--run", run, *common, "--au-prompt", "a face").startswith("--au-prompt says whose movement")
