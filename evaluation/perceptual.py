"""How different two pictures look to people: the shift-tolerant LPIPS, from the weight file of stlpips-pytorch.

Source: Ghildyal and Liu 2022, "Shift-tolerant Perceptual Similarity Metric" (AlexNet). Only the file is used: the
package itself needs torchvision.
"""

import importlib.util
import itertools
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from ldm.faces.model_files import checked

WEIGHTS = Path("weights") / "vST0.0" / "alex_shift_tolerant.pth"
SHA256 = "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"
WIDTHS = (64, 192, 384, 256, 256)
EXTRA = "pip install -e '.[judges]' (stlpips-pytorch)"


def is_installed() -> bool:
    """Whether the weight file's package is there; it is not imported."""
    return importlib.util.find_spec("stlpips_pytorch") is not None


class Blur(nn.Module):
    """Halve a feature map after a 3 x 3 binomial filter, mirrored by two at its borders."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", torch.zeros(channels, 1, 3, 3))
        self.filt: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H / 2 + 1, W / 2 + 1)."""
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), self.filt, stride=2, groups=x.shape[1])


class Stlpips(nn.Module):
    """The network, its parameters named as in the file."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        slices = nn.Module()
        slices.slice1 = _named({0: nn.Conv2d(3, a, 11, padding=2), 1: Blur(a), 2: nn.ReLU()})
        slices.slice2 = _named({3: nn.MaxPool2d(3, 1), 4: Blur(a), 5: nn.Conv2d(a, b, 5, padding=2), 6: nn.ReLU()})
        slices.slice3 = _named({7: nn.MaxPool2d(3, 1), 8: Blur(b), 9: nn.Conv2d(b, c, 3, padding=1), 10: nn.ReLU()})
        slices.slice4 = _named({11: nn.Conv2d(c, d, 3, padding=1), 12: nn.ReLU()})
        slices.slice5 = _named({13: nn.Conv2d(d, e, 3, padding=1), 14: nn.ReLU()})
        self.net = slices
        self.scaling_layer = nn.Module()
        for name in ("shift", "scale"):
            self.scaling_layer.register_buffer(name, torch.zeros(1, 3, 1, 1))
        for place, width in enumerate(WIDTHS):
            layer = nn.Module()
            layer.model = _named({1: nn.Conv2d(width, 1, 1, bias=False)})
            setattr(self, f"lin{place}", layer)

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Unit features of five layers, of pictures (B, 3, H, W) in [-1, 1]."""
        x = (pictures - self.scaling_layer.get_buffer("shift")) / self.scaling_layer.get_buffer("scale")
        found = []
        for place in range(1, 6):
            x = getattr(self.net, f"slice{place}")(x)
            found.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found

    def between(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
        """(B,) distances of two pictures given as features."""
        layers = [
            getattr(self, f"lin{place}").model((a - b).square())
            for place, (a, b) in enumerate(zip(first, second, strict=True))
        ]
        return torch.stack([layer.mean((1, 2, 3)) for layer in layers]).sum(0)


def _named(parts: dict[int, nn.Module]) -> nn.Sequential:
    """A sequence whose parts have these numbers as names."""
    made = nn.Sequential()
    for number, part in parts.items():
        made.add_module(str(number), part)
    return made


class PerceptualDistance:
    """The distance of pictures at ``side_px``, for the diversity of an evaluation.

    Args:
        weights: the file; the one in the package if not given.
        side_px: pictures are brought to this size first.

    Raises:
        ImportError: the package is not installed.
        ModelFileError: the file is missing or altered.
    """

    name = "st-lpips (alex)"

    def __init__(self, weights: Path | None = None, side_px: int = 64) -> None:
        self._weights, self.side_px = weights or packaged(), side_px

    @cached_property
    def _net(self) -> Stlpips:
        net = Stlpips()
        net.load_state_dict(torch.load(self._weights, map_location="cpu", weights_only=True))
        return net.eval()

    @torch.no_grad()
    def pairs(self, images: Sequence[Image.Image]) -> list[float]:
        """Distances of all pairs, in the order of ``itertools.combinations``."""
        size = (self.side_px, self.side_px)
        small = [
            np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC), np.float32) for image in images
        ]
        seen = self._net.features(torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2) / 127.5 - 1)
        first, second = zip(*itertools.combinations(range(len(images)), 2), strict=True)
        found = self._net.between([layer[list(first)] for layer in seen], [layer[list(second)] for layer in seen])
        return [float(value) for value in found]


def packaged() -> Path:
    """The hash-checked weight file inside the package.

    Raises:
        ImportError: the package is not installed.
    """
    spec = importlib.util.find_spec("stlpips_pytorch")
    if spec is None or spec.origin is None:
        raise ImportError(f"the perceptual distance needs a package that is not installed: {EXTRA}")
    return checked(Path(spec.origin).parent / WEIGHTS, SHA256, EXTRA)
