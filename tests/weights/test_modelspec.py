"""Hashes in the header, of what follows the header."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ldm.weights.modelspec import file_hash, modelspec, tensor_hash, write_safetensors
from ldm.weights.tensors import read_tensors


def test_the_hash_in_the_header_is_that_of_the_tensors(tmp_path: Path) -> None:
    tensors = {"b": torch.randn(3, 4), "a": torch.arange(5).half()}
    path = write_safetensors(tmp_path / "a.safetensors", tensors, modelspec("Ann", 768) | {"ss_network_module": "x"})
    content = path.read_bytes()
    payload = content[8 + int.from_bytes(content[:8], "little") :]
    told = read_tensors(path).metadata
    assert told["modelspec.hash_sha256"] == f"0x{hashlib.sha256(payload).hexdigest()}"
    assert told["sshs_model_hash"] == tensor_hash(path)
    assert told["sshs_legacy_hash"] == hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8]
    assert told["modelspec.architecture"] == "stable-diffusion-v1"
    assert file_hash(path) == hashlib.sha256(content).hexdigest()
    assert all(load_file(path)[name].equal(tensor) for name, tensor in tensors.items())


def test_other_metadata_get_no_hash(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "a.safetensors", {"a": torch.ones(2)}, {"format": "pt"})
    assert read_tensors(path).metadata == {"format": "pt"}


@pytest.mark.parametrize(
    ("width", "size_px", "said"), [(768, None, "512x512"), (1024, None, "768x768"), (256, 64, "64x64")]
)
def test_the_size_of_pictures_is_the_models(width: int, size_px: int | None, said: str) -> None:
    assert modelspec("a", width, size_px=size_px)["modelspec.resolution"] == said
    assert "modelspec.resolution" not in modelspec("a", 256, "/lora")
