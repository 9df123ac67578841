"""From diffusers' names of weights to those of CompVis, for writing single files. The way back is diffusers' own."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ldm.weights.family import CLIP, UNET, VAE

UNET_WORDS = {
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "conv_in.": "input_blocks.0.0.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
    "mid_block.resnets.0.": "middle_block.0.",
    "mid_block.attentions.0.": "middle_block.1.",
    "mid_block.resnets.1.": "middle_block.2.",
}
RESNET_WORDS = {
    ".norm1.": ".in_layers.0.",
    ".conv1.": ".in_layers.2.",
    ".norm2.": ".out_layers.0.",
    ".conv2.": ".out_layers.3.",
    ".time_emb_proj.": ".emb_layers.1.",
    ".conv_shortcut.": ".skip_connection.",
}
VAE_WORDS = {
    "conv_norm_out.": "norm_out.",
    "mid_block.resnets.0.": "mid.block_1.",
    "mid_block.resnets.1.": "mid.block_2.",
    "mid_block.attentions.0.": "mid.attn_1.",
    ".group_norm.": ".norm.",
    ".to_q.": ".q.",
    ".to_k.": ".k.",
    ".to_v.": ".v.",
    ".to_out.0.": ".proj_out.",
    ".conv_shortcut.": ".nin_shortcut.",
}
PLACE = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.")


def to_compvis(networks: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of ``unet``, ``vae`` and ``text_encoder`` under CompVis's names, in the shapes of its layers.

    Raises:
        ValueError: a network has layers that CompVis has no name for; some are listed.
    """
    unet, vae, text = networks["unet"], networks["vae"], networks["text_encoder"]
    depth, num_blocks = int(unet.config.layers_per_block), len(vae.config.block_out_channels)
    attended = attended_blocks(unet)
    state = {UNET + unet_name(name, depth, attended): tensor for name, tensor in unet.state_dict().items()}
    for name, tensor in vae.state_dict().items():
        is_attention = ".attentions." in name and tensor.ndim == 2
        state[VAE + vae_name(name, num_blocks)] = tensor[:, :, None, None] if is_attention else tensor
    state |= {f"{CLIP}text_model.{name}": tensor for name, tensor in text.state_dict().items()}
    _require_way_back(state, networks)
    return state


def attended_blocks(unet: Any) -> set[str]:
    """Numbers of the blocks on the way up that attend to the text."""
    return {name.split(".")[1] for name in unet.state_dict() if re.match(r"up_blocks\.\d+\.attentions", name)}


def unet_name(name: str, depth: int, attended: set[str]) -> str:
    """CompVis's name of a UNet's weight: blocks are counted through, each resnet with its attention.

    Args:
        name: diffusers'.
        depth: resnets a block on the way down; one more on the way up.
        attended: numbers of the blocks on the way up that attend to the text: their upsampler comes third, not second.
    """

    def place(found: re.Match[str]) -> str:
        way, block, kind, layer = found[1], int(found[2]), found[3], int(found[4])
        first = block * (depth + 1)
        if way == "down":
            if kind == "downsamplers":
                return f"input_blocks.{first + depth + 1}.0."
            return f"input_blocks.{first + layer + 1}.{int(kind == 'attentions')}."
        if kind == "upsamplers":
            return f"output_blocks.{first + depth}.{2 if found[2] in attended else 1}."
        return f"output_blocks.{first + layer}.{int(kind == 'attentions')}."

    is_resnet = ".resnets." in name
    name = PLACE.sub(place, name).replace(".0.conv.", ".0.op.") if ".downsamplers." in name else PLACE.sub(place, name)
    for ours, theirs in UNET_WORDS.items():
        name = theirs + name.removeprefix(ours) if name.startswith(ours) else name
    for ours, theirs in RESNET_WORDS.items() if is_resnet else ():
        name = name.replace(ours, theirs)
    return name


def vae_name(name: str, num_blocks: int) -> str:
    """CompVis's name of a VAE's weight: blocks on the way up are counted from the end."""

    def place(found: re.Match[str]) -> str:
        way, block, kind, layer = found[1], int(found[2]), found[3], found[4]
        if way == "up":
            block = num_blocks - 1 - block
        return f"{way}.{block}." + (f"block.{layer}." if kind == "resnets" else f"{way}sample.")

    name = PLACE.sub(place, name)
    for ours, theirs in VAE_WORDS.items():
        name = name.replace(ours, theirs)
    return name


def _require_way_back(state: Mapping[str, Tensor], networks: Mapping[str, Any]) -> None:
    """Nothing, if diffusers' own functions lead from the names back to each weight's place.

    Raises:
        ValueError: they do not.
    """
    from ldm.weights.compvis import state_of

    lost = []
    for part, network in networks.items():
        back = state_of(state, part, network.config)
        ours = network.state_dict()
        lost += [
            f"{part}.{name}" for name in ours if name not in back or back[name].data_ptr() != ours[name].data_ptr()
        ]
    if lost:
        raise ValueError(
            f"CompVis's layout has no place for {len(lost)} weights of this model, first {lost[0]}: "
            "a single file cannot hold it; share the folder"
        )
