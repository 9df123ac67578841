"""How different pictures look to people, pair by pair, by a network that whoever evaluates hands in.

The network is :class:`ldm.modules.perceptual.PerceptualDistance`, which trains the first stage too. Parts on one floor
do not know each other, so the command that knows both puts it in here.
"""

import itertools
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor


class PictureNet(Protocol):
    """Sees pictures, and says how far apart two are by what it sees."""

    def features(self, pictures: Tensor) -> list[Tensor]:
        """What it sees in pictures (B, 3, H, W) in [-1, 1]; each with B rows."""
        ...

    def between(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
        """(B,) distances of pictures given as features."""
        ...


class PerceptualPairs:
    """Distances of all pairs of some pictures, each of which the network sees once.

    Args:
        net: the network.
        name: what a report calls it.
        side_px: pictures are brought to this size first.
    """

    def __init__(self, net: PictureNet, name: str, side_px: int = 64) -> None:
        self.net, self.name, self.side_px = net, name, side_px

    @torch.no_grad()
    def pairs(self, images: Sequence[Image.Image]) -> list[float]:
        """Distances of all pairs, in the order of ``itertools.combinations``."""
        size = (self.side_px, self.side_px)
        small = [
            np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC), np.float32) for image in images
        ]
        seen = self.net.features(torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2) / 127.5 - 1)
        first, second = zip(*itertools.combinations(range(len(images)), 2), strict=True)
        found = self.net.between([layer[list(first)] for layer in seen], [layer[list(second)] for layer in seen])
        return [float(value) for value in found]
