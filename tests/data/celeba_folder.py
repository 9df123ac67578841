"""A small CelebA: tables in every form they are handed around in."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from ldm.data.celeba import ATTRIBUTES


def values(true: Sequence[str]) -> list[str]:
    return ["1" if name in true else "-1" for name in ATTRIBUTES]


def write_pictures(folder: Path, files: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        Image.new("RGB", (4, 4)).save(folder / file)


def write_csv(
    path: Path, rows: Mapping[str, Sequence[str]], people: Mapping[str, tuple[str, int]] | None = None
) -> None:
    """``rows``: true attributes by file. ``people``: identity and partition by file; without it Kaggle's form."""
    more = ["identity", "partition"] if people else []
    lines = [",".join(["image_id", *more, *ATTRIBUTES])]
    for file, true in rows.items():
        said = [str(word) for word in people[file]] if people else []
        lines.append(",".join([file, *said, *values(true)]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_txt(path: Path, rows: Mapping[str, Sequence[str]]) -> None:
    lines = [
        str(len(rows)),
        " ".join(ATTRIBUTES),
        *(f"{file}  {' '.join(values(true))}" for file, true in rows.items()),
    ]
    path.write_text("\n".join(lines) + "\n")
