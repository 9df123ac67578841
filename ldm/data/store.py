"""Many small pictures in one memory-mapped file, with what is known about each beside it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldm.files import atomic_path, write_json, write_text

PICTURES, ROWS, ABOUT = "pictures.npy", "rows.jsonl", "about.json"


class PictureStore:
    """A folder with ``pictures.npy`` (N, S, S, 3) uint8, ``rows.jsonl`` (N lines) and ``about.json``.

    Attributes:
        pictures: memory-mapped, RGB.
        rows: one dictionary a picture, at least ``file``, ``split`` and ``source``.
        about: how the store was made.
    """

    def __init__(self, folder: Path | str) -> None:
        folder = Path(folder)
        missing = [name for name in (PICTURES, ROWS, ABOUT) if not (folder / name).is_file()]
        if missing:
            raise FileNotFoundError(
                f"{folder} is no picture store: it lacks {', '.join(missing)}. Make one with `python -m ldm prepare`."
            )
        self.folder = folder
        self.pictures: NDArray[np.uint8] = np.load(folder / PICTURES, mmap_mode="r")
        self.rows: list[dict[str, Any]] = [
            json.loads(line) for line in (folder / ROWS).read_text(encoding="utf-8").splitlines()
        ]
        self.about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if len(self.rows) != len(self.pictures):
            raise ValueError(f"{folder}: {len(self.pictures)} pictures but {len(self.rows)} rows; prepare it again")

    def select(self, **wanted: Any) -> NDArray[np.int64]:
        """Indices of the pictures whose row has all of ``wanted``, for example ``split="train"``."""
        hits = [i for i, row in enumerate(self.rows) if all(row.get(key) == value for key, value in wanted.items())]
        return np.array(hits, dtype=np.int64)


def write_store(
    folder: Path, items: Iterable[tuple[NDArray[np.uint8], Mapping[str, Any]]], about: Mapping[str, Any]
) -> int:
    """Write pictures and their rows as a store; returns how many. No file of it is left half-written.

    Raises:
        ValueError: there is no picture.
    """
    rows: list[str] = []

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for picture, row in items:
            rows.append(json.dumps(dict(row), ensure_ascii=False))
            yield picture

    found = list(pictures())
    if not found:
        raise ValueError(f"there are no pictures to store in {folder}")
    stacked = np.stack(found)
    with atomic_path(folder / PICTURES) as temporary, temporary.open("wb") as file:
        np.save(file, stacked)
    write_text(folder / ROWS, "\n".join(rows) + "\n")
    write_json(folder / ABOUT, {**about, "num_pictures": len(rows), "size_px": int(stacked.shape[1])})
    return len(rows)
