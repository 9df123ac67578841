"""From tensors to pictures, and several pictures to one grid."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from einops import rearrange
from PIL import Image
from torch import Tensor

from ldm.files import atomic_path


def to_pictures(images: Tensor) -> list[Image.Image]:
    """N pictures of ``images`` (N, 3 or 1, H, W) in [-1, 1]; what lies outside is cut off."""
    scaled = ((images.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().byte()
    pixels = rearrange(scaled.expand(-1, 3, -1, -1), "n c h w -> n h w c").numpy()
    return [Image.fromarray(np.ascontiguousarray(one)) for one in pixels]


def grid(pictures: Sequence[Image.Image], columns: int = 4, gap_px: int = 2) -> Image.Image:
    """All pictures in rows of ``columns``, on black, in cells as large as the largest.

    Raises:
        ValueError: there are no pictures.
    """
    if not pictures:
        raise ValueError("a grid needs at least one picture")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    width = max(picture.width for picture in pictures) + gap_px
    height = max(picture.height for picture in pictures) + gap_px
    sheet = Image.new("RGB", (columns * width + gap_px, rows * height + gap_px))
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        sheet.paste(picture, (column * width + gap_px, row * height + gap_px))
    return sheet


def save_jpeg(picture: Image.Image, path: Path) -> None:
    """Write ``picture`` as a JPEG, atomically."""
    with atomic_path(path) as temporary:
        picture.save(temporary, format="JPEG", quality=95)
