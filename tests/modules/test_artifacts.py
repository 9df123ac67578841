from pathlib import Path

import pytest
import torch

from ldm.modules.artifacts import read_artifact, write_artifact
from ldm.modules.personalization import Artifact


def test_tensors_and_what_is_known_of_them_come_back(tmp_path: Path) -> None:
    strided = torch.arange(6.0).reshape(2, 3).T.requires_grad_()
    artifact = Artifact("embeddings", {"a": strided, "ids": torch.tensor([3])}, {"basis": "0123", "who": "Beyoncé"})
    path = write_artifact(tmp_path / "new" / "embeddings_gs-199.safetensors", artifact)
    again = read_artifact(path)
    assert again.name == "embeddings"
    assert again.tensors["a"].equal(strided)
    assert again.tensors["ids"].dtype == torch.int64
    assert again.metadata == {"basis": "0123", "who": "Beyoncé"}
    assert [file.name for file in path.parent.iterdir()] == ["embeddings_gs-199.safetensors"]


def test_an_empty_one_can_be_kept(tmp_path: Path) -> None:
    again = read_artifact(write_artifact(tmp_path / "nothing.safetensors", Artifact("nothing", {})))
    assert (again.name, again.tensors, again.metadata) == ("nothing", {}, {})


def test_a_file_without_a_name_is_called_as_its_file(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "lora.safetensors")
    assert read_artifact(tmp_path / "lora.safetensors").name == "lora"


def test_a_file_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no .*x\.safetensors; \.safetensors files beside it: none"):
        read_artifact(tmp_path / "x.safetensors")
    write_artifact(tmp_path / "b.safetensors", Artifact("b", {}))
    write_artifact(tmp_path / "a.safetensors", Artifact("a", {}))
    with pytest.raises(FileNotFoundError, match=r"beside it: a\.safetensors, b\.safetensors"):
        read_artifact(tmp_path / "x.safetensors")


@pytest.mark.parametrize("content", [b"", b"not a tensor file", b"\x80\x04]\x94."])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.safetensors is not a readable \.safetensors file"):
        read_artifact(tmp_path / "x.safetensors")


def test_a_published_file_is_answered_with_what_converts_it(tmp_path: Path) -> None:
    torch.save({"id_coefficients": [torch.zeros(2, 1, 3)]}, tmp_path / "embeddings_gs-799.pt")
    with pytest.raises(
        ValueError, match=r"not a readable .*; `python -m ldm convert people IN OUT\.safetensors --to ours`"
    ):
        read_artifact(tmp_path / "embeddings_gs-799.pt")
