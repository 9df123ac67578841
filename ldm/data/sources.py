"""Where faces come from: LFW by name, CelebA by attributes."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ldm.data.splits import celeba_splits, lfw_splits


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


def celeba(folder: Path) -> list[Source]:
    """CelebA: ``folder/images/*.jpg`` and ``folder/attributes.csv`` (image_id, identity, partition, 40 attributes)."""
    table = folder / "attributes.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{table} is missing: CelebA needs its table of attributes")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    splits = celeba_splits([row["identity"] for row in rows], [int(row["partition"]) for row in rows])
    return [
        Source(
            folder / "images" / row["image_id"],
            {
                "file": row["image_id"],
                "source": "celeba",
                "split": split,
                "identity": row["identity"],
                "attributes": [key for key in list(row)[3:] if row[key] == "1"],
            },
        )
        for row, split in zip(rows, splits, strict=True)
    ]


SOURCES = {"lfw": lfw, "celeba": celeba}


def read_sources(kinds: dict[str, Path]) -> Iterator[Source]:
    """The pictures of several data sets, one after the other: ``{"lfw": folder, "celeba": folder}``."""
    for kind, folder in kinds.items():
        yield from SOURCES[kind](folder)
