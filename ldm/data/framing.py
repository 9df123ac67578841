"""A photo of any shape to a training picture of a given one: scaled, cropped, varied, with where the loss looks."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ldm.data.augment import Jitter, augment, face_weight, uniform
from ldm.data.buckets import Size
from ldm.data.pictures import to_signed

Crop = Literal["center", "random", "face"]
Points = tuple[tuple[float, float], ...]
"""Eyes, nose and mouth corners of a face, pixels of the photo."""


@dataclass(frozen=True)
class Frame:
    """How photos become training pictures.

    Attributes:
        crop: which part of a photo of another shape is taken; ``face``: the part with the face in its middle.
        jitter: how a picture varies; None varies nothing.
        background_weight: weight of the loss away from mask or face; None weighs every place alike.
    """

    crop: Crop = "center"
    jitter: Jitter | None = None
    background_weight: float | None = None

    @property
    def varies(self) -> bool:
        """Whether two pictures of one photo may differ."""
        return self.jitter is not None or self.crop == "random"

    def scaled(self, photo: Image.Image, size: Size, mask: Image.Image | None, points: Points | None) -> "Scaled":
        """``photo`` as small as it may be to cover ``size``, with mask and points along.

        Args:
            photo: upright RGB.
            size: H and W of the training picture.
            mask: white where the loss looks, as large as the photo or not; before ``points``.
            points: of the face.
        """
        scale = max(size[0] / photo.height, size[1] / photo.width)
        large = (max(size[1], round(photo.width * scale)), max(size[0], round(photo.height * scale)))
        return Scaled(
            photo.resize(large, Image.Resampling.LANCZOS),
            None if mask is None else mask.convert("L").resize(large, Image.Resampling.BOX),
            None if points is None else np.asarray(points, np.float64) * scale,
        )

    def view(self, scaled: "Scaled", size: Size, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """A picture (3, H, W) in [-1, 1], and the loss weight of its places (1, H, W), mean 1; ``draws`` varies it."""
        left, top = self._corner(scaled, size, draws)
        box = (left, top, left + size[1], top + size[0])
        image = to_signed(np.asarray(scaled.photo.crop(box)))
        weight = torch.ones(1, *size)
        low = self.background_weight
        if low is not None and scaled.mask is not None:
            inside = torch.from_numpy(np.array(scaled.mask.crop(box), np.float32))[None] / 255
            weight = low + (1 - low) * inside
        elif low is not None and scaled.points is not None:
            moved = torch.from_numpy(scaled.points - [left, top]).float()
            weight = face_weight(moved, size, low)
        if self.jitter is not None:
            image, weight = augment(image, self.jitter, draws, weight)
        mean = weight.mean()
        return image, weight / mean if mean > 0 else torch.ones_like(weight)

    def _corner(self, scaled: "Scaled", size: Size, draws: torch.Generator) -> tuple[int, int]:
        """Left and top of the part that is taken."""
        room_x, room_y = scaled.photo.width - size[1], scaled.photo.height - size[0]
        if self.crop == "random":
            return round(uniform(0, room_x, draws)), round(uniform(0, room_y, draws))
        if self.crop == "face" and scaled.points is not None:
            x, y = scaled.points.mean(0)
            left, top = round(float(x) - size[1] / 2), round(float(y) - size[0] / 2)
            return min(max(left, 0), room_x), min(max(top, 0), room_y)
        return room_x // 2, room_y // 2


@dataclass(frozen=True)
class Scaled:
    """A photo on its way.

    Attributes:
        photo: RGB, one side as long as the training picture's, the other as long or longer.
        mask: as large, L; or None.
        points: (5, 2) of the face, pixels of ``photo``; or None.
    """

    photo: Image.Image
    mask: Image.Image | None
    points: NDArray[np.float64] | None
