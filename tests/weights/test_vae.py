"""Another VAE for a model: in every form that people share."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ldm.weights.compvis_names import vae_name
from ldm.weights.read import read_model
from ldm.weights.vae import read_vae

STEM = "diffusion_pytorch_model"


def test_every_form_gives_the_same(small: Path, tiny_model: Path, tmp_path: Path) -> None:
    own = read_model(small, None).vae
    other = {name: tensor + 0.5 for name, tensor in own.state_dict().items()}
    bare = {
        vae_name(name, 2): t[:, :, None, None] if ".attentions." in name and t.ndim == 2 else t
        for name, t in other.items()
    }
    save_file(other, tmp_path / "diffusers.safetensors")
    save_file({name: t.contiguous() for name, t in bare.items()}, tmp_path / "bare.safetensors")
    torch.save({"state_dict": {f"first_stage_model.{name}": t for name, t in bare.items()}}, tmp_path / "vae.ckpt")
    for name in ("diffusers.safetensors", "bare.safetensors", "vae.ckpt"):
        state = read_vae(tmp_path / name, own).state_dict()
        assert all(state[key].equal(tensor) for key, tensor in other.items()), name
    assert read_vae(small, own).state_dict()["decoder.conv_in.bias"].equal(own.decoder.conv_in.bias)
    whole = own.state_dict()
    own.save_pretrained(tmp_path / "two")
    save_file({name: t.half() * 2 for name, t in whole.items()}, tmp_path / "two" / f"{STEM}.fp16.safetensors")
    assert read_vae(tmp_path / "two", own).state_dict()["decoder.conv_in.bias"].equal(whole["decoder.conv_in.bias"])
    own.save_pretrained(tmp_path / "cut", max_shard_size="5KB")
    with pytest.raises(FileNotFoundError, match=r"cut holds its weights in \d+ files: one with a whole VAE is needed"):
        read_vae(tmp_path / "cut", own)
    with pytest.raises(ValueError, match=r"tiny are not those of its architecture"):
        read_vae(tiny_model, own)
    save_file({"emb_params": torch.zeros(2, 2)}, tmp_path / "no.safetensors")
    with pytest.raises(ValueError, match=r"no\.safetensors is no VAE"):
        read_vae(tmp_path / "no.safetensors", own)
