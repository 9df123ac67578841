"""Which kernels a training uses."""

from typing import Any

import torch
from pytorch_lightning.strategies import DeepSpeedStrategy, ModelParallelStrategy, Strategy

MOST_POSITIONS = 1024
"""Written out, attention takes memory by the square of the positions: 1 GB a layer at the 64 x 64 of SD 1.x."""


def use_plain_attention(unet: Any) -> None:
    """Write attention out as two matrix products and a softmax, unless latents are larger than 32 x 32.

    On a CPU the backward pass of PyTorch's fused kernel is slow and dominates a training step of a small UNet. On
    other devices the fused kernel is better.
    """
    from diffusers.models.attention_processor import AttnProcessor

    if int(unet.config.sample_size) ** 2 <= MOST_POSITIONS:
        unet.set_attn_processor(AttnProcessor())


def use_eager_attention(text_encoder: Any) -> None:
    """The same for a text encoder of transformers."""
    text_encoder.set_attn_implementation("eager")


def suit_device(unet: Any, text_encoder: Any, strategy: Strategy, compiled: bool) -> None:
    """Choose attention kernels and memory layout for training under ``strategy``, and compile the UNet if asked.

    Compiling in place leaves the names of the parameters as they are, and the first call of each kind of batch takes
    minutes.
    """
    if strategy.root_device.type == "cpu":
        use_plain_attention(unet)
        use_eager_attention(text_encoder)
        if not isinstance(strategy, DeepSpeedStrategy | ModelParallelStrategy):  # these lay parameters out themselves
            unet.to(memory_format=torch.channels_last)
    if compiled:
        unet.compile()
