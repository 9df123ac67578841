"""Who is on which picture, by the names of files and folders."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

PUBLISHED_NAME = re.compile(r"\d{5}_id(\d+)_#\d+")
"""File names of the CelebBasis example pictures: running number, person, picture of the person."""


def people_of(pictures: Sequence[Path], root: Path | None = None) -> list[str]:
    """Whose picture each is: the sub-folder of ``root``, else the ``id<k>`` of a published name, else the file's stem.

    Without ``root`` it is the deepest folder that holds all pictures.
    """
    pictures = [picture.absolute() for picture in pictures]
    root = Path(os.path.commonpath([p.parent for p in pictures] or [Path("/")])) if root is None else root.absolute()
    names = []
    for picture in pictures:
        folders = picture.relative_to(root).parts[:-1] if picture.is_relative_to(root) else ()
        published = PUBLISHED_NAME.fullmatch(picture.stem)
        names.append(folders[0] if folders else f"id{published[1]}" if published else picture.stem)
    return names


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which "id2" comes before "id10"."""
    return tuple((0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in re.split(r"([0-9]+)", text))
