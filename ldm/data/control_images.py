"""Pictures that a ControlNet is shown: edges, or the points of a face."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps
from torch import Tensor

ControlKind = Literal["canny", "landmarks"]
"""What can be made of a photo; other kinds of control pictures are given."""

AT_ONCE = 16
"""Photos that are encoded together."""
COLOURS = ("#ff4040", "#40a0ff", "#ffffff", "#ffd040", "#40ff60")
"""Of the eyes, the nose tip and the mouth corners, the left of the picture first: left and right stay apart."""
LINES = ((0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4))
"""Points that are joined."""


def canny(picture: Image.Image) -> Image.Image:
    """White edges on black (Canny 1986, as scikit-image has it).

    Before it is smoothed by a 256th of the short side, 0.7 px at least.
    """
    from skimage.feature import canny as edges

    grey = np.asarray(picture.convert("L"), np.float32) / 255
    found = edges(grey, sigma=max(0.7, min(picture.size) / 256))
    return Image.fromarray((found * 255).astype(np.uint8)).convert("RGB")


def draw_points(points: Sequence[Sequence[float]], size: tuple[int, int]) -> Image.Image:
    """The five points of a face (pixels) as coloured dots, joined by lines, on black of ``size`` (width, height)."""
    picture = Image.new("RGB", size)
    pen, unit = ImageDraw.Draw(picture), max(1.0, min(size) / 64)
    places = [(float(x), float(y)) for x, y in points]
    for first, last in LINES:
        pen.line([places[first], places[last]], fill="#606060", width=round(unit))
    for (x, y), colour in zip(places, COLOURS, strict=True):
        pen.ellipse([x - 1.5 * unit, y - 1.5 * unit, x + 1.5 * unit, y + 1.5 * unit], fill=colour)
    return picture


def middle(photo: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The largest part in the middle of a photo that has the shape of ``size`` (width, height), and as large."""
    return ImageOps.fit(photo, size, Image.Resampling.LANCZOS)


def points_in_middle(
    points: Sequence[Sequence[float]], photo: tuple[int, int], size: tuple[int, int]
) -> list[tuple[float, float]]:
    """Where points of a photo (width, height) are in its :func:`middle`."""
    scale = max(new / old for new, old in zip(size, photo, strict=True))
    left, top = ((old * scale - new) / 2 for new, old in zip(size, photo, strict=True))
    return [(float(x) * scale - left, float(y) * scale - top) for x, y in points]


def as_control(picture: Image.Image) -> Tensor:
    """(3, H, W) in [0, 1]."""
    pixels: NDArray[np.uint8] = np.array(picture.convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
