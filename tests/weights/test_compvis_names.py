"""Names for single files: those of the published ones, with a way back for each."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ldm.weights.compvis import LIKE_SD1, empty_networks
from ldm.weights.compvis_names import to_compvis, unet_name, vae_name
from ldm.weights.read import read_model
from tests.weights.sd1_files import random_networks

UNET_NAMES = {
    "time_embedding.linear_2.bias": "time_embed.2.bias",
    "conv_in.weight": "input_blocks.0.0.weight",
    "down_blocks.0.resnets.0.conv1.weight": "input_blocks.1.0.in_layers.2.weight",
    "down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_k.weight":
        "input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight",
    "down_blocks.0.downsamplers.0.conv.bias": "input_blocks.3.0.op.bias",
    "down_blocks.1.resnets.0.conv_shortcut.weight": "input_blocks.4.0.skip_connection.weight",
    "down_blocks.3.resnets.1.time_emb_proj.weight": "input_blocks.11.0.emb_layers.1.weight",
    "mid_block.attentions.0.proj_in.weight": "middle_block.1.proj_in.weight",
    "mid_block.resnets.1.norm2.weight": "middle_block.2.out_layers.0.weight",
    "up_blocks.0.upsamplers.0.conv.weight": "output_blocks.2.1.conv.weight",
    "up_blocks.1.upsamplers.0.conv.weight": "output_blocks.5.2.conv.weight",
    "up_blocks.3.attentions.2.norm.bias": "output_blocks.11.1.norm.bias",
    "conv_norm_out.weight": "out.0.weight",
    "conv_out.bias": "out.2.bias",
}  # fmt: skip
VAE_NAMES = {
    "encoder.down_blocks.0.downsamplers.0.conv.weight": "encoder.down.0.downsample.conv.weight",
    "encoder.down_blocks.1.resnets.0.conv_shortcut.bias": "encoder.down.1.block.0.nin_shortcut.bias",
    "encoder.mid_block.attentions.0.to_out.0.bias": "encoder.mid.attn_1.proj_out.bias",
    "encoder.mid_block.resnets.0.norm1.weight": "encoder.mid.block_1.norm1.weight",
    "decoder.up_blocks.0.resnets.2.conv2.weight": "decoder.up.3.block.2.conv2.weight",
    "decoder.up_blocks.2.upsamplers.0.conv.bias": "decoder.up.1.upsample.conv.bias",
    "decoder.conv_norm_out.weight": "decoder.norm_out.weight",
    "quant_conv.weight": "quant_conv.weight",
}


def test_names_are_those_of_the_published_files() -> None:
    assert {name: unet_name(name, 2, {"1", "2", "3"}) for name in UNET_NAMES} == UNET_NAMES
    assert {name: vae_name(name, 4) for name in VAE_NAMES} == VAE_NAMES


def test_every_weight_of_stable_diffusion_1_has_a_name_and_a_way_back() -> None:
    """The published file has 1,130 weights; attention in the VAE is made of 1 x 1 convolutions there."""
    networks: dict[str, Any] = empty_networks(LIKE_SD1)
    for network in networks.values():
        network.load_state_dict(
            {name: torch.empty(1).expand(t.shape) for name, t in network.state_dict().items()}, assign=True
        )
    state = to_compvis(networks)
    assert len(state) == 1130
    assert state["first_stage_model.decoder.mid.attn_1.q.weight"].shape == (512, 512, 1, 1)
    assert "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight" in state


def test_a_model_that_the_layout_cannot_hold_is_refused(tiny_model: Path, like: Path) -> None:
    networks = random_networks(like, torch.float32) | {"unet": read_model(tiny_model).unet}
    with pytest.raises(ValueError, match=r"has no place for \d+ weights of this model, first unet\.add_embedding\.\w+"):
        to_compvis(networks)
