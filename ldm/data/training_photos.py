"""Photos on their way to training samples: which can be read, and what is said of them."""

import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from PIL import Image
from torch import Tensor

from ldm.data.buckets import Size
from ldm.data.class_pictures import ClassPictures
from ldm.data.framing import Points
from ldm.data.prompts import Prompt, shortened

logger = logging.getLogger(__name__)

MANY = 1000
"""So many pictures take a while to look at."""


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

    if len(pictures) > MANY:
        logger.info("looking at %d pictures", len(pictures))
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
