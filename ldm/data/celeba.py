"""CelebA's tables: attributes, identities and partitions, in the forms in which they are handed around.

Attributes: ``list_attr_celeba.txt`` (a line with the count, a line with the names, then a picture a line), Kaggle's
``list_attr_celeba.csv`` (``image_id`` and the 40 names), or one ``attributes.csv`` that has ``identity`` and
``partition`` too. Beside them may lie ``identity_CelebA.txt`` and ``list_eval_partition.txt`` or ``.csv``.
"""

import csv
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

ATTRIBUTES = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose",
    "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses",
    "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache",
    "Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks",
    "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick",
    "Wearing_Necklace", "Wearing_Necktie", "Young",
)  # fmt: skip
TABLES = ("attributes.csv", "list_attr_celeba.csv", "list_attr_celeba.txt")
PICTURES = ("images", "img_align_celeba/img_align_celeba", "img_align_celeba", ".")
VALUES = {"1": True, "-1": False}


@dataclass(frozen=True)
class CelebAPicture:
    """One picture of CelebA.

    Attributes:
        path: the file.
        attributes: those of the 40 that are true of it.
        identity: who it is; None where no table says so.
        partition: 0 train, 1 val, 2 test; None where no table says so.
    """

    path: Path
    attributes: tuple[str, ...]
    identity: str | None
    partition: int | None


def read_celeba(folder: Path) -> list[CelebAPicture]:
    """The pictures of CelebA in ``folder`` with what its tables say of them, in the tables' order.

    Raises:
        FileNotFoundError: there is no table of attributes, or no folder of pictures.
        ValueError: the table lacks columns, holds values other than 1 and -1, or does not match the pictures.
    """
    table = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    if table is None:
        raise FileNotFoundError(f"{folder} holds no table of attributes: CelebA needs one of {', '.join(TABLES)}")
    rows = _csv(table) if table.suffix == ".csv" else _txt(table)
    _check(table, rows)
    pictures = _pictures(folder, set(rows), table)
    identities = _second_column(folder, "identity_CelebA") or _column(rows, "identity")
    partitions = _second_column(folder, "list_eval_partition") or _column(rows, "partition")
    found = []
    for file, row in rows.items():
        if file not in pictures:
            continue
        partition = partitions.get(file)
        found.append(
            CelebAPicture(
                pictures[file],
                tuple(name for name in ATTRIBUTES if VALUES[row[name]]),
                identities.get(file),
                None if partition is None else _number(partition, file),
            )
        )
    return found


def _csv(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if "image_id" not in (reader.fieldnames or ()):
            raise ValueError(f"{path} lacks the column image_id; it has {', '.join(reader.fieldnames or ['nothing'])}")
        return {row.pop("image_id"): row for row in reader}


def _txt(path: Path) -> dict[str, dict[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) < 2 or not lines[0].strip().isdigit():
        raise ValueError(f"{path}: its first line is the number of pictures, the second their attributes' names")
    count, names, rows = int(lines[0]), lines[1].split(), [line.split() for line in lines[2:] if line.strip()]
    if len(rows) != count:
        raise ValueError(f"{path} announces {count} pictures and lists {len(rows)}: was it cut off?")
    for number, row in enumerate(rows, 3):
        if len(row) != len(names) + 1:
            raise ValueError(f"{path}, line {number}: {len(row) - 1} values for {len(names)} attributes")
    return {file: dict(zip(names, values, strict=True)) for file, *values in rows}


def _check(table: Path, rows: Mapping[str, Mapping[str, str]]) -> None:
    if not rows:
        raise ValueError(f"{table} lists no picture")
    first = next(iter(rows.values()))
    if missing := [name for name in ATTRIBUTES if name not in first]:
        raise ValueError(f"{table} lacks {len(missing)} of CelebA's 40 attributes: {', '.join(missing[:8])}")
    for file, row in rows.items():
        if wrong := next((name for name in ATTRIBUTES if row[name] not in VALUES), None):
            raise ValueError(f"{table}: {wrong} of {file} is {row[wrong]!r}; an attribute is 1 or -1")


def _pictures(folder: Path, named: set[str], table: Path) -> dict[str, Path]:
    """The pictures that the table names, by name."""
    place = next((folder / name for name in PICTURES if any((folder / name).glob("*.[jp][pn]g"))), None)
    if place is None:
        raise FileNotFoundError(f"{folder} holds no pictures: CelebA's lie in {', '.join(PICTURES[:3])}")
    there = {path.name: path for path in place.glob("*.[jp][pn]g")}
    if strange := sorted(there.keys() - named):
        raise ValueError(
            f"{table} says nothing of {len(strange)} pictures in {place}, first {strange[0]}: is it theirs?"
        )
    if not named & there.keys():
        raise ValueError(f"{table} names {len(named)} pictures, none of which is in {place}")
    if absent := named - there.keys():
        logger.warning("%s names %d pictures that are not in %s: they are left out", table, len(absent), place)
    return there


def _second_column(folder: Path, stem: str) -> dict[str, str]:
    """``file value`` by file, from STEM.txt or STEM.csv; empty where neither is there."""
    for path in (folder / f"{stem}.txt", folder / f"{stem}.csv"):
        if path.is_file():
            lines = [line.replace(",", " ").split() for line in path.read_text(encoding="utf-8").splitlines()]
            lines = [words for words in lines if words and words[0] != "image_id"]
            if bad := next((words for words in lines if len(words) != 2), None):
                raise ValueError(f"{path}: a line is a picture and a number, not {' '.join(bad)!r}")
            return {words[0]: words[1] for words in lines}
    return {}


def _column(rows: Mapping[str, Mapping[str, str]], name: str) -> dict[str, str]:
    return {file: row[name] for file, row in rows.items() if name in row}


def _number(text: str, file: str) -> int:
    if not text.lstrip("-").isdigit():
        raise ValueError(f"the partition of {file} is {text!r}; it is 0 (train), 1 (val) or 2 (test)")
    return int(text)
