"""What photos give for training: varied pictures, made once and encoded, or made anew each time."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from ldm.bars import bar
from ldm.data.buckets import Size
from ldm.data.captions import pick
from ldm.data.framing import Frame, Points, Scaled
from ldm.data.photo_folders import mask_of
from ldm.data.training_photos import Photo, PhotoTools
from ldm.randomness import generator

logger = logging.getLogger(__name__)

AT_ONCE = 16
"""Pictures that are encoded together."""


class Views:
    """What photos give for training: varied pictures, made once and encoded, or made anew each time.

    Args:
        photos: the photos.
        sizes: height and width of training pictures.
        frame: how they are made.
        tools: reads, finds faces, encodes.
        mask: where masks come from.
        num_variants: of each photo, encoded once; 0 encodes nothing.
        what: ``instance`` or ``class``: they vary apart.
        seed: of the variants.
        used: which sizes each photo is made in; None: its own.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        sizes: Sequence[Size],
        frame: Frame,
        tools: PhotoTools,
        mask: Literal["none", "file", "alpha", "face"],
        num_variants: int,
        what: str,
        seed: int,
        used: Sequence[int] | None = None,
    ) -> None:
        self.photos, self.sizes, self.frame, self.tools = photos, sizes, frame, tools
        self.mask, self.what, self.seed = mask, what, seed
        self.encoded = num_variants > 0
        self.num_variants = num_variants if frame.varies else min(num_variants, 1)
        self._points: dict[int, Points | None] = {}
        if frame.crop == "face" or mask == "face":
            self._find_faces()
        self._made: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        if self.encoded:
            self._encode_all(used)

    def __len__(self) -> int:
        return len(self.photos)

    def about(self) -> str:
        """How many pictures are made of a photo, in words."""
        return f"{self.num_variants} of each photo, encoded once" if self.encoded else "made and encoded anew each time"

    def view(self, number: int, size: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Latents (c, h, w) or a picture (3, H, W), and its loss weight of the same height and width."""
        if not self.encoded:
            return self.frame.view(self._scaled(number, size), self.sizes[size], draws)
        latents, weights = self._made[number, size]
        variant = pick(range(len(latents)), draws)
        return latents[variant], weights[variant]

    def _scaled(self, number: int, size: int) -> Scaled:
        path = self.photos[number].path
        photo = self.tools.read_photo(path)
        return self.frame.scaled(photo, self.sizes[size], self._mask(path), self._points.get(number))

    def _encode_all(self, used: Sequence[int] | None) -> None:
        """Make the views of every photo in its own size, or in those ``used``."""
        with bar(f"encode {self.what} pictures", len(self.photos), brief=True) as advance:
            for number, photo in enumerate(self.photos):
                for size in [photo.size] if used is None else used:
                    self._made[number, size] = self._encode(number, size)
                advance(1)

    def _encode(self, number: int, size: int) -> tuple[Tensor, Tensor]:
        """Latents (N, c, h, w) and loss weights (N, 1, h, w) of a photo's variants."""
        scaled = self._scaled(number, size)
        places = [generator(self.seed, "variant", self.what, number, size, n) for n in range(self.num_variants)]
        images, weights = zip(*(self.frame.view(scaled, self.sizes[size], draws) for draws in places), strict=True)
        latents = torch.cat(
            [self.tools.encode_pictures(part) for part in torch.split(torch.stack(images), AT_ONCE)]
        ).cpu()
        return latents, F.interpolate(torch.stack(weights), size=latents.shape[-2:], mode="area")

    def _mask(self, path: Path) -> Image.Image | None:
        if self.mask == "file" and (file := mask_of(path)) is not None:
            return self.tools.read_photo(file)
        if self.mask == "alpha":
            with Image.open(path) as opened:  # of a palette, or one colour, too
                if opened.has_transparency_data:
                    return ImageOps.exif_transpose(opened).convert("RGBA").getchannel("A")
        return None

    def _find_faces(self) -> None:
        with bar("find faces", len(self.photos), brief=True) as advance:
            for number, photo in enumerate(self.photos):
                self._points[number] = self.tools.face_points(self.tools.read_photo(photo.path))
                advance(1)
        blind = [self.photos[i].path.name for i, points in self._points.items() if points is None]
        if blind:
            logger.warning(
                "no face is found in %d of %d pictures, first %s: there all of it counts, and crops are centred",
                len(blind), len(self.photos), blind[0],
            )  # fmt: skip
