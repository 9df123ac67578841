"""How the text side of an untrained model starts, so that what single words say is heard from the first steps on.

Left to the libraries' own random numbers, the layers that mix a prompt's words and the padding drown the words
themselves, and training goes on as it began: large outputs that all prompts share, small ones that differ.
"""

from typing import Any

import torch
from torch import Tensor

SMALL = 0.01
CONTEXT_SCALE = 0.3
POOLED_SCALE = 0.05


@torch.no_grad()
def start_text_side(unet: Any, text_encoder: Any, token_ids: Tensor) -> None:
    """Set the start of a text encoder and of the layers by which the UNet hears it.

    - A text encoder's layers add little at first: context is close to the normalized token row at its position.
    - The UNet's cross-attention adds little at first. Not nothing: then half of its layers would not move either.
    - The pooled prompt, where the UNet has one, is centred over ``token_ids`` and has unit variance before its last
      normalization. Source: Salimans & Kingma 2016, "Weight Normalization", §3, the initialization from data.

    Args:
        unet: a ``UNet2DConditionModel`` of random weights.
        text_encoder: a ``CLIPTextModel`` of random weights.
        token_ids: (N, L) prompts that differ in their words.
    """
    text = getattr(text_encoder, "text_model", text_encoder)
    for layer in text.encoder.layers:
        for last in (layer.self_attn.out_proj, layer.mlp.fc2):
            last.weight.mul_(SMALL)
            last.bias.mul_(SMALL)
    text.final_layer_norm.weight.fill_(CONTEXT_SCALE)
    for name, module in unet.named_modules():
        if name.endswith("attn2"):
            module.to_out[0].weight.mul_(SMALL)
    centre_pooled_prompt(unet, text_encoder, token_ids)


@torch.no_grad()
def centre_pooled_prompt(unet: Any, text_encoder: Any, token_ids: Tensor) -> None:
    """Let the UNet's pooled prompt, where it has one, tell prompts apart rather than what they share.

    Args:
        unet: its ``add_embedding`` is diffusers' ``TextTimeEmbedding``, whatever it was before; changed in place.
        text_encoder: gives the contexts.
        token_ids: (N, L) prompts that differ in their words.
    """
    if unet.config.addition_embed_type != "text":
        return
    pooling, context = unet.add_embedding, text_encoder(token_ids).last_hidden_state
    projected = pooling.proj(pooling.pool(pooling.norm1(context)))  # (N, time_embed_dim)
    deviation = (projected - projected.mean(0)).square().mean().sqrt()
    pooling.proj.weight.div_(deviation)
    pooling.proj.bias.sub_(projected.mean(0)).div_(deviation)
    pooling.norm2.weight.fill_(POOLED_SCALE)
    pooling.norm2.bias.zero_()
