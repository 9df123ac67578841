"""Photos on their way to training samples: which can be read, what is said of them, what is made of them once."""

import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from ldm.data.buckets import Size
from ldm.data.captions import pick
from ldm.data.class_pictures import ClassPictures
from ldm.data.framing import Frame, Points, Scaled
from ldm.data.photo_folders import mask_of
from ldm.data.prompts import Prompt, shortened
from ldm.randomness import generator

logger = logging.getLogger(__name__)

AT_ONCE = 16
"""Pictures that are encoded together."""


class PhotoTools(Protocol):
    """What a data set of photos asks of the run: of its model, and of the parts that read photos and find faces."""

    @property
    def sample_size_px(self) -> int:
        """Side of the model's own pictures."""

    @property
    def multiple_px(self) -> int:
        """What the sides of a picture must be a multiple of."""

    def list_photos(self, folder: Path) -> list[Path]:
        """Pictures below a folder; ValueError where there are none."""

    def read_photo(self, path: Path) -> Image.Image:
        """A photo as upright RGB; ValueError says what is wrong with it."""

    def face_points(self, photo: Image.Image) -> Points | None:
        """Eyes, nose and mouth corners of the largest face, or None."""

    def refusal(self, caption: str) -> str | None:
        """Why the text encoder does not take a caption (too long), or None."""

    def pieces(self, word: str) -> list[str]:
        """What the tokenizer cuts a word into; one piece where it knows the word."""

    def encode_pictures(self, images: Tensor) -> Tensor:
        """(N, c, h, w) scaled latents of (N, 3, H, W) in [-1, 1]."""

    def make_class_pictures(self, wanted: ClassPictures) -> None:
        """Draw those that are missing."""


@dataclass(frozen=True)
class Photo:
    """One photo to learn from.

    Attributes:
        path: the file.
        folder: the folder it was found by.
        prompt: how its captions are made.
        caption: what was written about it, or None.
        size: which of the data set's sizes suits it.
    """

    path: Path
    folder: Path
    prompt: Prompt
    caption: str | None
    size: int


def readable(pictures: Sequence[Path], tools: PhotoTools) -> dict[Path, Size]:
    """Those of ``pictures`` that can be read, with their height and width; the others are reported.

    Raises:
        ValueError: none of them can be read.
    """

    def shape(path: Path) -> Size | str:
        try:
            photo = tools.read_photo(path)
        except (ValueError, OSError) as error:
            return str(error)
        return photo.height, photo.width

    with ThreadPoolExecutor(max_workers=4) as pool:
        shapes = list(pool.map(shape, pictures))
    bad = [one for one in shapes if isinstance(one, str)]
    if bad and len(bad) == len(pictures):
        raise ValueError(f"none of {len(bad)} pictures can be read, first: {bad[0]}")
    if bad:
        logger.warning(
            "%d of %d pictures are left out:%s", len(bad), len(pictures), "".join(f"\n  {one}" for one in bad)
        )
    return {path: one for path, one in zip(pictures, shapes, strict=True) if not isinstance(one, str)}


def checked_captions(
    photos: Sequence[Photo], tools: PhotoTools, token: str | None, shorten: bool = False
) -> list[Photo]:
    """``photos``, whose captions mention ``token`` and fit the text encoder; with ``shorten``, made to fit.

    Raises:
        ValueError: captions are too long, or none of them mentions the token.
    """
    done, cut, refused = [], 0, []
    for photo in photos:
        reason = _refusal(photo, photo.caption, tools)
        if reason and shorten and photo.caption is not None:
            own = shortened(photo.caption, partial(_fits, photo, tools))
            photo, cut, reason = replace(photo, caption=own), cut + 1, _refusal(photo, own, tools)
        if reason:
            refused.append(f"{photo.path.name}: {reason}")
        done.append(photo)
    if refused:
        raise ValueError(
            f"{len(refused)} of {len(photos)} captions are too long, first that of {refused[0]}; or set "
            "long_captions: shorten, which drops the last tags or words of photos' own captions"
        )
    if cut:
        logger.warning("%d of %d captions were too long and lost their last tags or words", cut, len(photos))
    _check_token(done, token)
    return done


def _refusal(photo: Photo, own: str | None, tools: PhotoTools) -> str | None:
    """Why a caption that the photo may get does not fit, or None."""
    return next((reason for said in photo.prompt.longest(own) if (reason := tools.refusal(said))), None)


def _fits(photo: Photo, tools: PhotoTools, own: str) -> bool:
    return _refusal(photo, own, tools) is None


def _check_token(photos: Sequence[Photo], token: str | None) -> None:
    if token is None:
        return
    word = re.compile(rf"(?<!\w){re.escape(token)}(?!\w)", re.IGNORECASE)
    silent = [photo for photo in photos if not word.search(photo.prompt.longest(photo.caption)[0])]
    if silent and len(silent) == len(photos):
        raise ValueError(
            f"no caption mentions the token {token!r}, so it would not be learned; the first says "
            f"{silent[0].prompt.longest(silent[0].caption)[0]!r}: write {token!r} or {{name}} into instance_prompt"
        )
    if silent:
        logger.warning(
            "%d of %d captions do not mention the token %r, first that of %s",
            len(silent), len(photos), token, silent[0].path.name,
        )  # fmt: skip


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
        for number, photo in enumerate(photos) if self.encoded else ():
            for size in [photo.size] if used is None else used:
                self._made[number, size] = self._encode(number, size)

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
            with Image.open(path) as opened:
                return ImageOps.exif_transpose(opened).getchannel("A") if "A" in opened.getbands() else None
        return None

    def _find_faces(self) -> None:
        self._points = {i: self.tools.face_points(self.tools.read_photo(p.path)) for i, p in enumerate(self.photos)}
        blind = [self.photos[i].path.name for i, points in self._points.items() if points is None]
        if blind:
            logger.warning(
                "no face is found in %d of %d pictures, first %s: there all of it counts, and crops are centred",
                len(blind), len(self.photos), blind[0],
            )  # fmt: skip
