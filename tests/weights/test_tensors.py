"""Files of weights: told apart by their first bytes, mapped, and refused with a reason."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ldm.weights.tensors import read_tensors


def test_both_kinds_are_read_whatever_their_names(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(2, dtype=torch.float16)}
    save_file(tensors, tmp_path / "a.ckpt", {"title": "x"})
    torch.save({"state_dict": {"state_dict": tensors}, "global_step": 4}, tmp_path / "b.bin")
    one, two = read_tensors(tmp_path / "a.ckpt"), read_tensors(tmp_path / "b.bin")
    for file in (one, two):
        assert list(file.tensors) == ["a", "b"]
        assert all(file.tensors[name].equal(tensor) for name, tensor in tensors.items())
    assert one.metadata == {"title": "x"}
    assert one.content is None
    assert two.content["global_step"] == 4
    torch.save(torch.ones(2, 3), tmp_path / "bare.pt")
    assert read_tensors(tmp_path / "bare.pt").tensors[""].shape == (2, 3)


def test_a_pickle_by_another_name_is_not_opened(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"is no \.safetensors file, whatever its name says: if it is a pickle, call"):
        read_tensors(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"file\.safetensors is empty: get it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid", r"is a pointer of Git LFS .*: run `git lfs pull`"),
        (b"<!DOCTYPE html>", r"is a page of the web, not weights: the download needs a login"),
        (b"\x10\0\0\0\0\0\0\0{}", r"file\.safetensors \(10 bytes\) is truncated or damaged: get it again"),
    ],
)
def test_what_is_no_weights_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_tensors(path)


def test_a_download_that_broke_off(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1000)}, tmp_path / "a.safetensors")
    whole = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=r"bytes\) is truncated or damaged: get it again"):
        read_tensors(tmp_path / "a.safetensors")


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "other.ckpt").touch()
    with pytest.raises(FileNotFoundError, match=r"there is no .*model\.ckpt; beside it lie other\.ckpt"):
        read_tensors(tmp_path / "model.ckpt")
    with pytest.raises(ValueError, match=r"is a folder; a file of weights is needed here"):
        read_tensors(tmp_path)
