"""`python -m ldm convert people`: a run's files, and the published ones, in other forms."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ldm.__main__ import main
from ldm.runs.extract import extract_people
from ldm.runs.load import load_model, manager_of


def convert(*words: Any, fails: bool = False) -> None:
    with pytest.raises(SystemExit) as left:
        main(["convert", "people", *map(str, words)])
    assert (left.value.code != 0) == fails


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_our_files_and_the_published_ones_give_the_same(tiny_run: Path, tmp_path: Path, suffix: str) -> None:
    extract_people(tiny_run, out=tmp_path)
    source = tiny_run / "checkpoints" / f"embeddings_gs-5.{suffix}"
    convert(source, tmp_path / "new", "--names", "ann,bob")
    convert(source, tmp_path / "new", "--names", "ann,bob", "--to", "a1111", "--basis", tmp_path / "celeb_basis.pt")
    made = tmp_path / "ti_id_embeddings"
    [vectors] = load_file(made / "diffusers" / "sks.safetensors").values()
    assert torch.allclose(load_file(tmp_path / "new" / "ann.safetensors")["<ann>"], vectors, atol=1e-7)
    content = torch.load(tmp_path / "new" / "ann.pt", weights_only=True)
    assert torch.allclose(content["string_to_param"]["*"], vectors, atol=1e-7)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "ann.pt", "ann.safetensors", "bob.pt", "bob.safetensors",
    ]  # fmt: skip


def test_a_published_file_as_ours(tiny_run: Path, tmp_path: Path) -> None:
    """What comes out can be loaded by a run on the same basis; here with one person left out."""
    out = tmp_path / "embeddings_gs-5.safetensors"
    convert(tiny_run / "checkpoints" / "embeddings_gs-5.pt", out, "--to", "ours", "--people", "1")
    tensors = load_file(out)
    assert tensors["ids"].tolist() == [1]
    manager = manager_of(load_model(tiny_run))
    assert torch.equal(tensors["coefficients"][0], manager.memory.coefficients(1))


def test_bad_input(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    source = tiny_run / "checkpoints" / "embeddings_gs-5.pt"
    for words, message in (
        ((source, tmp_path / "out", "--to", "ours"), "give OUT a name that ends in .safetensors"),
        ((source, tmp_path, "--people", "4"), "there is no person 4; there are 0, 1"),
        ((source, tmp_path, "--names", "ann"), "1 names for 2 people: ann"),
        ((source, tmp_path, "--basis", tmp_path / "none.pt"), f"there is no {tmp_path / 'none.pt'}"),
    ):
        convert(*words, fails=True)
        assert message in capsys.readouterr().err


def test_a_checkpoint_of_a_run_as_one_file_of_what_was_trained(tiny_run: Path, tmp_path: Path) -> None:
    """docs/several_devices.md calls it so, of any strategy."""
    last = tiny_run / "checkpoints" / "last.ckpt"
    with pytest.raises(SystemExit) as left:
        main(["convert", str(last), str(tmp_path / "trained.ckpt")])
    assert left.value.code == 0
    content = torch.load(tmp_path / "trained.ckpt", weights_only=True)
    state = torch.load(last, weights_only=True)["state_dict"]
    assert content.keys() == {"state_dict"}
    assert content["state_dict"].keys() == state.keys()
    assert all(content["state_dict"][name].equal(tensor) for name, tensor in state.items())


def test_a_bare_tensor_as_our_file(tiny_run: Path, tmp_path: Path) -> None:
    """03_extract.sh of CelebBasis wrote one of each person."""
    extract_people(tiny_run, out=tmp_path)
    content = torch.load(tiny_run / "checkpoints" / "embeddings_gs-5.pt", weights_only=True)
    torch.save(content["id_coefficients"][1], tmp_path / "id_coefficient_001.pt")
    convert(tmp_path / "id_coefficient_001.pt", out := tmp_path / "a.safetensors", "--to", "ours",
            "--basis", tmp_path / "celeb_basis.pt")  # fmt: skip
    assert load_file(out)["ids"].tolist() == [1]
