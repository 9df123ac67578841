"""Folders of photos to learn from: a flat one, or kohya's ``10_sks person``."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

KOHYA = re.compile(r"([0-9]+)_(.*\S)\s*")
"""A folder's name in kohya's layout: how often each picture counts in an epoch, and what is on it."""

MASK_FOLDER = "masks"
MASK_ENDINGS = ("_mask", "-mask", "-masklabel")
"""A mask lies in a folder ``masks`` under the photo's name, or beside the photo under its name and one of these."""

ListPhotos = Callable[[Path], Sequence[Path]]


@dataclass(frozen=True)
class PhotoFolder:
    """Photos that share how often they count and what their folder says of them.

    Attributes:
        path: the folder.
        pictures: sorted; without masks.
        repeats: how often each counts in an epoch; None where the folder's name says nothing.
        words: what is on them by the folder's name ("sks person"); empty where it says nothing.
    """

    path: Path
    pictures: tuple[Path, ...]
    repeats: int | None = None
    words: str = ""

    def about(self) -> str:
        """What was understood, in a line."""
        counted = f"{len(self.pictures)} pictures"
        if self.repeats is None:
            return f"{self.path.name}: {counted}"
        return f"{self.path.name}: {counted} x {self.repeats}, {self.words!r}"


def read_folders(folder: Path, list_photos: ListPhotos) -> list[PhotoFolder]:
    """What ``folder`` holds: itself, or the kohya folders in it (or in its ``img``); logged as understood.

    Args:
        folder: a flat folder (sub-folders without meaning are searched too), a kohya folder, or a folder of those.
        list_photos: the pictures below a folder; an error if there are none.

    Raises:
        ValueError: a kohya folder repeats its pictures 0 times.
    """
    everything = list_photos(folder)
    pictures = [path for path in everything if not is_mask(path, folder)]
    if not pictures:
        raise ValueError(f"{folder} holds masks only, no pictures: give the folder with the photos")
    if KOHYA.fullmatch(folder.name):
        return [_logged(_named(folder, pictures))]
    inner = folder / "img" if (folder / "img").is_dir() and not _kohya_folders(folder) else folder
    named = [_named(sub, [p for p in pictures if p.is_relative_to(sub)]) for sub in _kohya_folders(inner)]
    named = [one for one in named if one.pictures]
    if not named:
        return [_logged(PhotoFolder(folder, tuple(pictures)))]
    taken = {path for one in named for path in one.pictures}
    if left := [path for path in pictures if path not in taken]:
        logger.warning(
            "%s: %d pictures lie outside the folders NUMBER_WORDS and are not taken, first %s",
            folder, len(left), left[0].relative_to(folder),
        )  # fmt: skip
    return [_logged(one) for one in named]


def is_mask(path: Path, folder: Path) -> bool:
    """Whether the picture ``path`` below ``folder`` is the mask of another one."""
    return MASK_FOLDER in path.relative_to(folder).parts[:-1] or path.stem.endswith(MASK_ENDINGS)


def mask_of(picture: Path) -> Path | None:
    """The mask of ``picture``, or None."""
    beside = [picture.with_name(f"{picture.stem}{ending}.png") for ending in MASK_ENDINGS]
    inside = [picture.parent / MASK_FOLDER / f"{picture.stem}{suffix}" for suffix in (".png", picture.suffix)]
    return next((path for path in (*beside, *inside) if path.is_file()), None)


def _kohya_folders(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and KOHYA.fullmatch(path.name)]


def _named(folder: Path, pictures: Sequence[Path]) -> PhotoFolder:
    match = KOHYA.fullmatch(folder.name)
    assert match is not None  # asked before
    if (repeats := int(match[1])) < 1:
        raise ValueError(f"{folder}: the number before '_' says how often its pictures count, and 0 is never")
    return PhotoFolder(folder, tuple(pictures), repeats, match[2].strip())


def _logged(folder: PhotoFolder) -> PhotoFolder:
    logger.info("%s", folder.about())
    return folder
