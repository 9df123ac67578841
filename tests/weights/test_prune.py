"""Pruning: what only the training needed goes, the weights stay."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ldm.weights.compvis import average_of
from ldm.weights.prune import prune
from ldm.weights.tensors import read_tensors


def test_averages_and_callbacks_go(single: Path, tmp_path: Path) -> None:
    whole = read_tensors(single).tensors
    before, after = prune(single, tmp_path / "small.safetensors")
    kept = read_tensors(tmp_path / "small.safetensors").tensors
    assert (before, after) == (len(whole), len(kept))
    assert not any(name.startswith("model_ema.") for name in kept)
    assert all(tensor.equal(whole[name]) for name, tensor in kept.items())
    prune(single, tmp_path / "small.ckpt")
    assert set(read_tensors(tmp_path / "small.ckpt").content) == {"state_dict"}
    assert (tmp_path / "small.ckpt").stat().st_size < 0.8 * single.stat().st_size


def test_the_averages_can_be_kept_instead(single: Path, tmp_path: Path) -> None:
    whole = read_tensors(single).tensors
    prune(single, tmp_path / "small.safetensors", half=True, ema=True)
    kept = read_tensors(tmp_path / "small.safetensors").tensors
    name = "model.diffusion_model.input_blocks.0.0.weight"
    assert kept[name].equal(whole[average_of(name)].half())
    assert {tensor.dtype for tensor in kept.values()} == {torch.float16}


def test_bad_input(single: Path, tmp_path: Path) -> None:
    save_file({"emb_params": torch.zeros(2, 4)}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"a\.safetensors holds no averaged weights \(EMA\): take the plain ones"):
        prune(tmp_path / "a.safetensors", tmp_path / "b.safetensors", ema=True)
    with pytest.raises(ValueError, match=r"give OUT a name that ends in \.safetensors or \.ckpt"):
        prune(single, tmp_path / "b")
    torch.save({"epoch": 3}, tmp_path / "empty.ckpt")
    with pytest.raises(ValueError, match=r"empty\.ckpt holds no weights"):
        prune(tmp_path / "empty.ckpt", tmp_path / "b.ckpt")
