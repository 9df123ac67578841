"""Where faces come from: LFW by name, CelebA by attributes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ldm.data.celeba import read_celeba
from ldm.data.splits import celeba_splits, legacy_splits, lfw_splits


@dataclass(frozen=True)
class Source:
    """One picture of a data set before it is cropped.

    Attributes:
        path: the picture.
        row: what is known: ``file``, ``source``, ``split``, and ``name`` or ``attributes``.
    """

    path: Path
    row: dict[str, Any] = field(default_factory=dict)


def lfw(folder: Path) -> list[Source]:
    """Labeled Faces in the Wild: ``folder/<First_Last>/*.jpg``; the folder is the person's name."""
    paths = sorted(folder.glob("*/*.jpg"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no <First_Last>/*.jpg: is it LFW's folder?")
    people = [path.parent.name for path in paths]
    splits = lfw_splits(people, [path.name for path in paths])
    return [
        Source(path, {"file": path.name, "source": "lfw", "split": split, "name": person.replace("_", " ")})
        for path, person, split in zip(paths, people, splits, strict=True)
    ]


def celeba(folder: Path, legacy: bool = False) -> list[Source]:
    """CelebA with its 40 attributes; see :mod:`ldm.data.celeba` for the files.

    Args:
        folder: with the tables and the pictures.
        legacy: split as face-diffusion did, see :func:`legacy_splits`; otherwise by the official partition.

    Raises:
        ValueError: no table says who is on a picture or in which partition it is, where that is needed.
    """
    pictures = read_celeba(folder)
    people = [picture.identity or picture.path.name for picture in pictures]
    if legacy:
        splits = legacy_splits(people)
    else:
        if any(picture.partition is None for picture in pictures):
            raise ValueError(
                f"{folder}: no table says in which partition a picture is: put list_eval_partition.txt beside the "
                "attributes, or split in the legacy way"
            )
        splits = celeba_splits(people, [picture.partition or 0 for picture in pictures])
    return [
        Source(
            picture.path,
            {
                "file": picture.path.name,
                "source": "celeba",
                "split": split,
                **({} if picture.identity is None else {"identity": picture.identity}),
                "attributes": list(picture.attributes),
            },
        )
        for picture, split in zip(pictures, splits, strict=True)
    ]


SOURCES = {"lfw": lfw, "celeba": celeba}


def read_sources(kinds: dict[str, Path]) -> Iterator[Source]:
    """The pictures of several data sets, one after the other: ``{"lfw": folder, "celeba": folder}``."""
    for kind, folder in kinds.items():
        yield from SOURCES[kind](folder)
