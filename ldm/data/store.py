"""Many small pictures packed into one file, with what is known about each beside it."""

import hashlib
import io
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm.files import write_json

logger = logging.getLogger(__name__)

PACK, ROWS, ABOUT, MAKING, RAW = "pictures.bin", "rows.jsonl", "about.json", "making.json", "pictures.npy"
LOSSLESS = 100
Picture = NDArray[np.uint8]
Rows = list[dict[str, Any]]


class Packed:
    """Pictures (N, S, S, 3) uint8 in one file of WebP pictures, decoded when they are asked for.

    Args:
        path: the file, memory-mapped.
        places: (N, 2) offset and length in bytes of each.
        size_px: S.
    """

    def __init__(self, path: Path, places: NDArray[np.int64], size_px: int) -> None:
        self._bytes = np.memmap(path, np.uint8, "r")
        self._places, self.shape = places, (len(places), size_px, size_px, 3)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, which: int | NDArray[np.int64] | Sequence[int]) -> Picture:
        """One picture (S, S, 3), or those at several places (n, S, S, 3)."""
        if isinstance(which, int | np.integer):
            start, length = self._places[which]
            content = self._bytes[start : start + length].tobytes()
            return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), np.uint8)
        return np.stack([self[int(one)] for one in which])


class PictureStore:
    """A folder with ``pictures.bin`` (WebP after WebP), ``rows.jsonl`` (N lines) and ``about.json``.

    Stores of an earlier version have ``pictures.npy``, (N, S, S, 3) uint8, instead of the first.

    Attributes:
        pictures: (N, S, S, 3) uint8, RGB, by index.
        rows: one dictionary a picture, at least ``file``, ``split`` and ``source``.
        about: how the store was made.

    Raises:
        FileNotFoundError: the folder is no store, or one that was not finished.
        ValueError: pictures and rows do not fit together.
    """

    def __init__(self, folder: Path | str) -> None:
        folder = Path(folder)
        missing = [name for name in (ROWS, ABOUT) if not (folder / name).is_file()]
        if not (folder / PACK).is_file() and not (folder / RAW).is_file():
            missing.insert(0, PACK)
        if missing:
            begun = "was begun but not finished: prepare it again, it goes on where it was stopped"
            what = begun if (folder / MAKING).is_file() else "Make one with `python -m ldm prepare`."
            raise FileNotFoundError(f"{folder} is no picture store: it lacks {', '.join(missing)}. {what}")
        self.folder = folder
        self.about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        self.rows = _read_rows(folder / ROWS)
        places = np.array([row.pop("at", (0, 0)) for row in self.rows], np.int64)
        self.pictures: Any = (
            Packed(folder / PACK, places, int(self.about["size_px"]))
            if (folder / PACK).is_file()
            else np.load(folder / RAW, mmap_mode="r")
        )
        if len(self.rows) != (count := self.about.get("num_pictures", len(self.pictures))):
            raise ValueError(f"{folder}: {count} pictures but {len(self.rows)} rows; prepare it again")

    @property
    def size_px(self) -> int:
        """Side of a picture."""
        return int(self.pictures.shape[1])

    def select(self, **wanted: Any) -> NDArray[np.int64]:
        """Indices of the pictures whose row has all of ``wanted``, for example ``split="train"``."""
        hits = [i for i, row in enumerate(self.rows) if all(row.get(key) == value for key, value in wanted.items())]
        return np.array(hits, dtype=np.int64)

    def training(self) -> NDArray[np.int64]:
        """Indices of all pictures to be trained on: ``train``, or legacy ``vae_train`` and ``unet_train``."""
        return np.array([i for i, row in enumerate(self.rows) if str(row.get("split")).endswith("train")], np.int64)

    def indices(self, split: str) -> NDArray[np.int64]:
        """Indices of the pictures of a split.

        Raises:
            ValueError: it has none; those that there are, are listed.
        """
        found = self.select(split=split)
        if not len(found):
            there = ", ".join(sorted({str(row.get("split")) for row in self.rows}))
            raise ValueError(f"{self.folder} has no picture in the split {split!r}; it has: {there}")
        return found


class PictureWriter:
    """Writes a store picture by picture; stopped at any moment, it goes on where it was.

    Args:
        folder: the store.
        size_px: S.
        quality: of WebP; 100 is lossless.
        settings: what else must be equal for going on, kept in about.json too.

    Raises:
        ValueError: the folder holds a store that was begun with other settings.
    """

    def __init__(
        self, folder: Path, size_px: int, quality: int = LOSSLESS, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.folder, self.size_px, self.quality = folder, size_px, quality
        self.making = {**(settings or {}), "size_px": size_px, "quality": quality}
        folder.mkdir(parents=True, exist_ok=True)
        begun = json.loads((folder / MAKING).read_text(encoding="utf-8")) if (folder / MAKING).is_file() else None
        if begun is not None and begun != self.making:
            raise ValueError(
                f"{folder} was begun with other settings ({begun}, not {self.making}): choose another folder"
            )
        self.rows: Rows = []
        if begun is None:
            (folder / ROWS).unlink(missing_ok=True)
            (folder / PACK).unlink(missing_ok=True)
            write_json(folder / MAKING, self.making)
        else:
            self.rows = _read_rows(folder / ROWS)
        self._end = max((sum(row["at"]) for row in self.rows if "at" in row), default=0)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
        (folder / ROWS).write_text(lines, encoding="utf-8")  # without a line that was cut off
        (folder / PACK).touch()
        with (folder / PACK).open("rb+") as file:
            file.truncate(self._end)
        (folder / ABOUT).unlink(missing_ok=True)

    def add(self, row: Mapping[str, Any], picture: Picture | None) -> None:
        """Add a picture (S, S, 3) with its row; None notes that there is none of it, so that nobody looks again.

        Raises:
            ValueError: it has another size.
        """
        entry = dict(row)
        if picture is None:
            entry["lost"] = True
        else:
            if picture.shape != (self.size_px, self.size_px, 3):
                raise ValueError(f"a picture of the store is {self.size_px} px square, not {picture.shape}")
            content = _webp(picture, self.quality)
            with (self.folder / PACK).open("ab") as file:
                file.write(content)
            entry["at"] = [self._end, len(content)]
            self._end += len(content)
        with (self.folder / ROWS).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self.rows.append(entry)

    def finish(self, about: Mapping[str, Any] | None = None) -> int:
        """Make it a store; returns how many pictures it has.

        Raises:
            ValueError: none.
        """
        whole = [row for row in self.rows if "at" in row]
        if not whole:
            for name in (ROWS, PACK, MAKING):
                (self.folder / name).unlink()
            raise ValueError(f"there are no pictures to store in {self.folder}")
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in whole)
        (self.folder / ROWS).write_text(lines, encoding="utf-8")
        with (self.folder / PACK).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        told = {**self.making, **(about or {}), "num_pictures": len(whole), "sha256": content}
        write_json(self.folder / ABOUT, told)
        (self.folder / MAKING).unlink()
        return len(whole)


def write_store(folder: Path, items: Iterable[tuple[Picture, Mapping[str, Any]]], about: Mapping[str, Any]) -> int:
    """Write pictures and their rows as a new store, lossless; returns how many.

    Raises:
        ValueError: there is no picture, or they differ in size.
    """
    writer: PictureWriter | None = None
    for picture, row in items:
        writer = writer or PictureWriter(folder, picture.shape[0])
        writer.add(row, picture)
    if writer is None:
        raise ValueError(f"there are no pictures to store in {folder}")
    return writer.finish(about)


def _webp(picture: Picture, quality: int) -> bytes:
    buffer = io.BytesIO()
    lossless = quality == LOSSLESS
    Image.fromarray(picture).save(buffer, "WEBP", quality=100 if lossless else quality, lossless=lossless, exact=True)
    return buffer.getvalue()


def _read_rows(path: Path) -> Rows:
    """The rows of a file; a last line that was cut off is left out."""
    lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else [""]
    return [json.loads(line) for line in lines[:-1] if line]
