"""`prepare embedded`: which stages are trained, from what, and what a second call goes on with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ldm.__main__ import app
from ldm.commands import prepare
from ldm.config.read import merge_files
from ldm.data.store import write_store
from ldm.runs import legs, recipe

Trained = list[tuple[str, list[str]]]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """What was trained, by settings; each stage exports a model, and the first training of a UNet is cut short."""
    asked: Trained = []

    def train_run(runs: Path, name: str, config: Path, overrides: Sequence[str], leg: legs.Leg) -> Path:
        asked.append((name, [word for word in overrides if "ckpt_path" in word]))
        if [one for one, _ in asked].count("embedded_unet") == 1 and name == "embedded_unet":
            raise legs.LegOver("the time is over")
        export = runs / f"2026_{name}" / "checkpoints" / "model_gs-1"
        (export / "text_encoder").mkdir(parents=True, exist_ok=True)
        (export / "model_index.json").write_text(name)
        (export / "text_encoder" / "config.json").write_text(name)
        return export

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(legs, "train_run", train_run)
    monkeypatch.setattr(recipe, "make_latents", lambda *_, **__: 1.0)
    monkeypatch.setattr(prepare, "finish", lambda trained, *_: print(f"finished {trained}"))
    return asked


def work_of(root: Path, profile: str) -> tuple[Path, str]:
    """The folder that the profile's configs lie in wait for, and what its UNet begins with."""
    merged, _ = merge_files([root / "configs" / "embedded" / ("gpu" if profile == "gpu" else "") / "unet.yaml"])
    begins = Path(merged["model"]["params"]["ckpt_path"])
    return begins.parent, str(begins)


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_the_text_stage_is_kept_where_the_config_of_the_unet_looks_for_it(
    trained: Trained, root: Path, profile: str
) -> None:
    work, begins = work_of(root, profile)
    write_store(work / "pictures", [(np.zeros((8, 8, 3), np.uint8), {"file": "a.jpg", "split": "train"})], {})
    for name, file in (("vae", "config.json"), ("init", "model_index.json")):
        (work / name).mkdir()
        (work / name / file).touch()
    call = ["prepare", "embedded", "DATA", "--work", str(work), "--profile", profile]
    assert CliRunner().invoke(app, call).exit_code == 75, "a leg is over"
    assert trained == [
        ("embedded_text", [f"model.params.ckpt_path={work / 'init'}"]),
        ("embedded_unet", [f"model.params.ckpt_path={begins}"]),
    ]
    assert Path(begins, "text_encoder", "config.json").read_text() == "embedded_text"
    export = work / "runs" / "2026_embedded_text" / "checkpoints" / "model_gs-1"
    assert (export / "model_index.json").is_file(), "a UNet begun by an earlier version goes on from it"

    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    assert [name for name, _ in trained[2:]] == ["embedded_unet"], "the text stage is not trained again"
    assert "2026_embedded_unet/checkpoints/model_gs-1" in done.output


def test_a_try_makes_few_pairs_and_compiles_nothing_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs: list[int] = []
    asked: dict[str, list[str]] = {}

    def make_latents(pictures: Path, vae: Path, out: Path, advance: object, num_pairs: int, *_: object) -> float:
        pairs.append(num_pairs)
        return 1.0

    def train_run(runs: Path, name: str, config: Path, overrides: Sequence[str], leg: legs.Leg) -> Path:
        asked[name] = list(overrides)
        (export := runs / name).mkdir(parents=True, exist_ok=True)
        (export / "model_index.json").touch()
        return export

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(recipe, "make_latents", make_latents)
    monkeypatch.setattr(legs, "train_run", train_run)
    monkeypatch.setattr(prepare, "finish", lambda *_: None)
    work = tmp_path / "work"
    write_store(work / "pictures", [(np.zeros((8, 8, 3), np.uint8), {"file": "a.jpg", "split": "train"})], {})
    for name, file in (("vae", "config.json"), ("init", "model_index.json")):
        (work / name).mkdir()
        (work / name / file).touch()
    call = ["prepare", "embedded", "DATA", "--work", str(work), "--profile", "gpu", "--steps", "2"]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    assert pairs == [recipe.TRIED_PAIRS]
    assert "model.params.compile_unet=false" in asked["embedded_unet"]
    assert not any("compile_unet" in one for one in asked["embedded_text"]), "which has no such parameter"
