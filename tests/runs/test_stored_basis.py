"""A run that goes on keeps its basis, whatever has become of the list of names."""

import shutil
from pathlib import Path

import pytest
import torch

from ldm.modules.celeb_basis import CelebBasis
from ldm.runs.folder import RunFolder
from main import main

MORE = ("data.params.batch_size=2", "lightning.callbacks.image_logger.params.disabled=true")


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> RunFolder:
    return RunFolder.open(shutil.copytree(tiny_run, tmp_path / tiny_run.name))


@pytest.fixture
def other_names(tiny_model: Path, tmp_path: Path) -> Path:
    """The same model, whose list has as many names, but another one among them."""
    model = shutil.copytree(tiny_model, tmp_path / "tiny")
    names = (model / "names.txt").read_text().splitlines()
    (model / "names.txt").write_text("\n".join(["Photo " + names[0].split()[1], *names[1:]]) + "\n")
    return model


def basis_files(run: RunFolder) -> list[Path]:
    return sorted(run.checkpoints.glob("basis-*"))


def go_on(run: RunFolder, *more: str) -> int:
    return main(["-r", str(run.path), "-t", "lightning.trainer.max_steps=7", *MORE, *more])


def test_a_checkpoint_names_basis_names_and_tokenizer(run: RunFolder) -> None:
    [file] = basis_files(run)
    basis = CelebBasis.load(file)
    held = torch.load(run.checkpoint(), weights_only=True)["celeb_basis"]
    assert held == {
        "hash": basis.hash,
        "names": basis.origin.names_hash,
        "tokenizer": basis.origin.tokenizer_id,
    }


def test_it_goes_on_with_the_basis_of_the_run(run: RunFolder, other_names: Path) -> None:
    before = basis_files(run)
    assert go_on(run, f"model.params.ckpt_path={other_names}") == 0
    assert basis_files(run) == before
    assert run.steps()[-1] == 6
    assert "basis_file" not in run.project_config.read_text(), "the run's own folder may move"


def test_a_basis_that_is_asked_for_anew_is_refused(
    run: RunFolder, other_names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [before] = basis_files(run)
    changed = f"model.params.cond_stage_config.params.celeb_txt={other_names / 'names.txt'}"
    assert go_on(run, changed) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"the checkpoint belongs to basis {CelebBasis.load(before).hash}, but the basis here is" in said
    assert basis_files(run) == [before]
