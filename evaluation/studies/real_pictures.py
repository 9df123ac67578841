"""Real pictures to compare with: of a store or of any folder, brought to one size."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ldm.data.sources import person_of
from ldm.data.splits import stable_order
from ldm.data.store import ABOUT, PictureStore
from ldm.faces.photos import list_photos, read_photo


@dataclass(frozen=True)
class RealPictures:
    """Pictures that are read when they are needed.

    Attributes:
        name: what reports call them.
        rows: what is known of each.
        sizes: their sides in pixels before they are brought to a model's.
    """

    name: str
    rows: list[dict[str, Any]]
    sizes: set[int]
    _store: PictureStore | None = None
    _places: Sequence[Any] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def open(self, place: int, size_px: int) -> Image.Image:
        """A picture, ``size_px`` square: the middle of it, bicubic."""
        where = self._places[place]
        picture = read_photo(where) if self._store is None else Image.fromarray(self._store.pictures[int(where)])
        return ImageOps.fit(picture, (size_px, size_px), Image.Resampling.BICUBIC)

    def chosen(self, places: Sequence[int]) -> "RealPictures":
        """Some of them."""
        return RealPictures(
            self.name, [self.rows[i] for i in places], self.sizes, self._store, [self._places[i] for i in places]
        )

    def people(self) -> set[str]:
        """Who is on them."""
        return {person_of(row) for row in self.rows}


def read_real(path: Path, splits: Sequence[str] = ("test",)) -> RealPictures:
    """The pictures of a store's splits, or of any folder.

    Raises:
        ValueError: the store has none of the splits.
    """
    if not (path / ABOUT).is_file():
        photos = list_photos(path)
        sizes = {min(read_photo(photo).size) for photo in photos[:50]}
        rows = [{"file": photo.relative_to(path).as_posix(), "source": "folder"} for photo in photos]
        return RealPictures(path.name, rows, sizes, None, photos)
    store = PictureStore(path)
    places = np.concatenate([store.indices(split) for split in splits])
    rows = [store.rows[i] for i in places]
    return RealPictures(f"{path.name} ({', '.join(splits)})", rows, {store.size_px}, store, list(places))


def alike(first: RealPictures, others: RealPictures, count: int | None) -> tuple[RealPictures, RealPictures]:
    """As many of both, as many of each data set in both, chosen by hash; nobody is in both.

    Raises:
        ValueError: somebody is in both; the first is named.
    """
    if both := first.people() & others.people():
        raise ValueError(f"{min(both)} is among {first.name} and among {others.name}: people must be apart")
    chosen: tuple[list[int], list[int]] = ([], [])
    sources = {row["source"] for row in first.rows} & {row["source"] for row in others.rows}
    most = {s: min(sum(row["source"] == s for row in part.rows) for part in (first, others)) for s in sorted(sources)}
    share = 1.0 if count is None else min(1.0, count / max(1, sum(most.values())))
    for source, number in most.items():
        for part, places in zip((first, others), chosen, strict=True):
            own = {f"{person_of(row)}/{row['file']}": i for i, row in enumerate(part.rows) if row["source"] == source}
            places += [own[key] for key in stable_order(own)[: round(share * number)]]
    return first.chosen(chosen[0]), others.chosen(chosen[1])
