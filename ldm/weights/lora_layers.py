"""What a LoRA is, whatever its file calls it: low-rank changes of layers, and for a DoRA the lengths of their rows."""

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

SHORTEST = 1e-12
"""A row of zeros has no direction: it stays one."""
NETWORKS = {"unet": "lora_unet_", "text_encoder": "lora_te_"}
"""The networks that it may change, and what kohya's names begin with."""


@dataclass(frozen=True)
class LoraLayer:
    """The change of one layer: W + scale * up @ down; of a DoRA, with each row brought to its own length.

    Attributes:
        down: (r, in, ...), what PEFT calls A.
        up: (out, r, ...), what PEFT calls B.
        alpha: the scale is alpha / r.
        magnitude: (out,) of a DoRA (Liu et al. 2024, "DoRA: Weight-Decomposed Low-Rank Adaptation", eq. 5).
    """

    down: Tensor
    up: Tensor
    alpha: float
    magnitude: Tensor | None = None

    @property
    def rank(self) -> int:
        """How many directions the change has."""
        return int(self.down.shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the weight that is changed."""
        return (int(self.up.shape[0]), *self.down.shape[1:])

    def change(self) -> Tensor:
        """scale * up @ down in float32: what a LoRA adds to the layer's weight."""
        flat = self.up.float().flatten(1) @ self.down.float().flatten(1)
        return (flat * (self.alpha / self.rank)).view(self.shape)

    def lengths_for_peft(self) -> Tensor | None:
        """The magnitude in PEFT's shape: (out,), of a convolution (1, out, 1, 1)."""
        if self.magnitude is None:
            return None
        return self.magnitude.view(*((1, -1, 1, 1) if len(self.shape) > 2 else (-1,)))

    def changed(self, weight: Tensor, scale: float = 1.0) -> Tensor:
        """``weight`` (out, in, ...) in float32 with the change, ``scale`` of the way to it."""
        whole = weight.float() + self.change()
        if self.magnitude is not None:
            length = torch.linalg.vector_norm(whole.flatten(1), dim=1).clamp_min(SHORTEST)
            whole = whole * (self.magnitude.float() / length).view(-1, *(1 for _ in self.shape[1:]))
        return torch.lerp(weight.float(), whole, scale)


@dataclass(frozen=True)
class Lora:
    """A LoRA.

    Attributes:
        layers: by network and layer, ``unet.mid_block....to_q`` or ``text_encoder.encoder....q_proj``.
        metadata: of the file.
    """

    layers: dict[str, LoraLayer]
    metadata: dict[str, str]

    @property
    def width(self) -> int:
        """Of the text that the changed UNet attends to; 0 if that is not changed."""
        found = [
            layer.down.shape[1] for name, layer in self.layers.items() if name.endswith(("attn2.to_k", "attn2.to_v"))
        ]
        return int(found[0]) if found else 0

    def of(self, network: str) -> dict[str, LoraLayer]:
        """The layers of one network by their names in it."""
        return {name.partition(".")[2]: layer for name, layer in self.layers.items() if name.startswith(f"{network}.")}


def usual_rank(layers: dict[str, LoraLayer]) -> int:
    """The rank that most of ``layers`` have."""
    return Counter(layer.rank for layer in layers.values()).most_common(1)[0][0]


def usual_alpha(layers: dict[str, LoraLayer]) -> float:
    """The alpha that most of ``layers`` have."""
    return Counter(layer.alpha for layer in layers.values()).most_common(1)[0][0]
