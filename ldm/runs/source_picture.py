"""The picture that drawing begins with, and the part of it that is drawn anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ldm.faces.photos import read_photo
from ldm.models.diffusion.from_picture import KeepOutside
from ldm.runs.aligned_folder import sha256_of

MASKED = 128
"""Where a mask is at least this bright, something new is drawn."""


@dataclass(frozen=True)
class SourcePicture:
    """A picture to begin with.

    Attributes:
        whole: as it was given, upright.
        picture: as large as it is drawn.
        strength: how much of it is given up, in (0, 1].
        mask: of the size of ``whole``; 255 where something new is drawn, 0 where it stays. None: everywhere.
        downscale: pixels per latent position.
        feather_px: over so many pixels inside the mask, new and old are mixed.
        facts: what is told of it beside the pictures.
    """

    whole: Image.Image
    picture: Image.Image
    strength: float
    mask: Image.Image | None = None
    downscale: int = 8
    feather_px: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """What a ``PersonFromPicture`` is called with."""
        given: dict[str, Any] = {"image": self.picture, "strength": self.strength}
        if self.mask is not None:
            given["callback_on_step_end"] = KeepOutside(latent_mask(self.mask, self.picture.size, self.downscale))
        return given

    def finish(self, drawn: Image.Image) -> Image.Image:
        """``drawn``, or with a mask the picture as it was given, drawn anew inside: no pixel outside is touched."""
        if self.mask is None:
            return drawn
        share = feathered(self.mask, self.feather_px)[..., None]
        new = np.asarray(drawn.resize(self.whole.size, Image.Resampling.LANCZOS), np.float32)
        mixed = share * new + (1 - share) * np.asarray(self.whole, np.float32)
        return Image.fromarray(mixed.round().astype(np.uint8))


def latent_mask(mask: Image.Image, size: tuple[int, int], downscale: int) -> Tensor:
    """(1, 1, h, w) bool: the latent positions of which any pixel of a picture of ``size`` is masked."""
    small = mask.resize(size, Image.Resampling.BOX)
    pixels = torch.from_numpy(np.array(small))[None, None].float()
    return torch.nn.functional.max_pool2d(pixels, downscale) > 0


def feathered(mask: Image.Image, feather_px: float) -> NDArray[np.float32]:
    """(H, W) share of what is new: 0 outside ``mask``, rising to 1 over ``feather_px`` pixels inside it."""
    masked = np.asarray(mask) > 0
    if masked.all():  # there is no edge
        return np.ones(masked.shape, np.float32)
    inside = distance_transform_edt(masked)
    share: NDArray[np.float32] = np.minimum(inside / max(feather_px, 1.0), 1.0).astype(np.float32)
    return share


def read_source(
    path: Path,
    strength: float,
    native_px: int,
    downscale: int,
    size: tuple[int, int] | None = None,
    mask: Path | None = None,
    feather_px: float | None = None,
) -> SourcePicture:
    """The picture in the file ``path``, upright, and its mask.

    Args:
        path: a picture of any size.
        strength: how much of it is given up.
        native_px: the model's own size: the short side is drawn so long unless ``size`` is given.
        downscale: pixels per latent position; drawn sides are multiples of it.
        size: width and height to draw.
        mask: a picture of the same size, white where something new is drawn.
        feather_px: see :class:`SourcePicture`; None is a 64th of the short side.

    Raises:
        ValueError: a file is no picture, or the mask is of another size or empty.
    """
    whole = read_photo(path)
    drawn = size or fitted(whole.size, native_px, downscale)
    facts: dict[str, Any] = {"init_image": path.name, "init_image_sha256": sha256_of(path), "strength": strength}
    where = None
    if mask is not None:
        where = _usable(read_photo(mask).convert("L"), mask, whole.size)
        feather_px = min(whole.size) / 64 if feather_px is None else feather_px
        facts |= {"mask": mask.name, "mask_sha256": sha256_of(mask), "feather_px": feather_px}
    picture = whole.resize(drawn, Image.Resampling.LANCZOS)
    return SourcePicture(whole, picture, strength, where, downscale, feather_px or 0.0, facts)


def fitted(size: tuple[int, int], native_px: int, downscale: int) -> tuple[int, int]:
    """``size`` scaled so that the short side is ``native_px``, both sides rounded to multiples of ``downscale``."""
    scale = native_px / min(size)
    width, height = (max(1, round(side * scale / downscale)) * downscale for side in size)
    return width, height


def _usable(mask: Image.Image, path: Path, size: tuple[int, int]) -> Image.Image:
    """``mask`` in black and white.

    Raises:
        ValueError: it is of another size than the picture, or nowhere white.
    """
    if mask.size != size:
        raise ValueError(
            f"the mask {path} is {mask.width} x {mask.height}, the picture {size[0]} x {size[1]}: make them equal"
        )
    clear = mask.point(lambda value: 255 if value >= MASKED else 0)
    if clear.getbbox() is None:
        raise ValueError(f"the mask {path} is empty: nothing in it is white, so nothing would be drawn")
    return clear
