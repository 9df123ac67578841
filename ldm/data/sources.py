"""Where faces come from: LFW by name, CelebA by attributes."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ldm.data.celeba import read_celeba
from ldm.data.people import people_of
from ldm.data.splits import celeba_splits, legacy_splits, lfw_splits, require_apart, shared_splits

logger = logging.getLogger(__name__)


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
        if nameless := sum(picture.identity is None for picture in pictures):
            logger.warning(
                "%s: no table says who is on %d of %d pictures: each counts as a person of their own, so that somebody "
                "may stand in two splits; put identity_CelebA.txt beside the attributes", folder, nameless, len(people),
            )  # fmt: skip
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


def pictures_of(folder: Path, paths: Sequence[Path]) -> list[Source]:
    """Any folder of pictures ``paths``: a sub-folder is a person, ``NAME.txt`` beside a picture its caption.

    Split by person, 80/10/10; see :func:`ldm.data.splits.shared_splits`.
    """
    people = people_of(paths, folder)
    found = []
    for path, person, split in zip(paths, people, shared_splits(people), strict=True):
        row = {"file": path.relative_to(folder).as_posix(), "source": "folder", "split": split, "identity": person}
        words, said = path.with_suffix(".txt"), ""
        if words.is_file():
            said = " ".join(words.read_text(encoding="utf-8-sig").split())
        elif path.parent != folder:
            row["name"] = person.replace("_", " ")
        found.append(Source(path, row | ({"caption": said} if said else {})))
    return found


SOURCES = {"lfw": lfw, "celeba": celeba}


def read_sources(kinds: dict[str, Path]) -> Iterator[Source]:
    """The pictures of several data sets, one after the other: ``{"lfw": folder, "celeba": folder}``."""
    for kind, folder in kinds.items():
        yield from SOURCES[kind](folder)


def person_of(row: Mapping[str, Any]) -> str:
    """Who is on a picture, as far as anybody knows: identity, else name, else the picture is a person of its own."""
    return f"{row.get('source', '')}:{row.get('identity') or row.get('name') or row['file']}"


def require_people_apart(sources: Sequence[Source]) -> None:
    """Nothing, if nobody stands in two splits; LFW's ``val`` are unseen pictures of known people.

    Raises:
        ValueError: somebody does; the first is named.
    """
    rows = [source.row for source in sources if (source.row["source"], source.row["split"]) != ("lfw", "val")]
    require_apart([person_of(row).partition(":")[2] for row in rows], [row["split"] for row in rows])
