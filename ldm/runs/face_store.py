"""From a data set's pictures to a store of aligned faces."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm.data.captions import DEFAULT_WORDS, Words, row_caption
from ldm.data.sources import Source, person_of, require_people_apart
from ldm.data.store import LOSSLESS, PictureStore, PictureWriter
from ldm.faces.align import ffhq_crop
from ldm.faces.backend import FaceBackend, load_backend
from ldm.faces.photos import PhotoError, read_photo
from ldm.randomness import generator
from ldm.runs.png import grid_of

logger = logging.getLogger(__name__)

Advance = Callable[[int], object]
SEED = 23


def make_store(
    sources: Sequence[Source],
    out: Path,
    size_px: int,
    advance: Advance,
    quality: int = LOSSLESS,
    settings: Mapping[str, Any] | None = None,
) -> list[str]:
    """Crop the face of every picture the FFHQ way into a store; returns the pictures without a face, or unreadable.

    Stopped at any moment and called again, it goes on where it was.

    Raises:
        ValueError: a person stands in two splits; or no picture shows a face.
    """
    require_people_apart(sources)
    settings = {"sources": sorted({source.row["source"] for source in sources}), "crop": "ffhq", **(settings or {})}
    backend = load_backend("yunet-sface")
    writer = PictureWriter(out, size_px, quality, settings)
    done = {_key(row) for row in writer.rows}
    for source in sources:
        if _key(source.row) not in done:
            writer.add(source.row, central_face(backend, source.path, size_px))
        advance(1)
    lost = [row["file"] for row in writer.rows if row.get("lost")]
    count = writer.finish({"lost": len(lost)})
    logger.info("%d pictures in %s; no face found in %d: %s", count, out, len(lost), ", ".join(lost[:10]) or "none")
    return lost


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return person_of(row), str(row["file"])


def central_face(backend: FaceBackend, path: Path, size_px: int) -> NDArray[np.uint8] | None:
    """The crop of the face nearest to the middle of the picture: data sets put their person there.

    None where there is no face, or where the file is no picture (that is said).
    """
    try:
        photo = read_photo(path)
    except PhotoError as error:
        logger.warning("left out: %s", error)
        return None
    middle = np.array(photo.size) / 2
    faces = backend.faces(photo)
    if not faces:
        return None
    nearest = min(faces, key=lambda face: float(np.hypot(*(face.points.mean(0) - middle))))
    return np.asarray(ffhq_crop(photo, nearest.points, size_px), np.uint8)


def some_captions(rows: Sequence[Mapping[str, Any]], words: Words = DEFAULT_WORDS, count: int = 20) -> list[str]:
    """Captions of ``count`` evenly chosen rows of which something is known."""
    said = [(row, caption) for row in rows if (caption := row_caption(row, generator(SEED, "look"), words))]
    chosen = np.linspace(0, len(said) - 1, min(count, len(said))).astype(int)
    return [str(row_caption(said[i][0], generator(SEED, "preview", int(i)), words)) for i in chosen]


def shares(store: PictureStore) -> list[tuple[str, int, int]]:
    """Split, pictures and people of each split, the largest first."""
    pictures = Counter(row["split"] for row in store.rows)
    people = {split: {person_of(row) for row in store.rows if row["split"] == split} for split in pictures}
    return [(split, count, len(people[split])) for split, count in pictures.most_common()]


def contact_sheet(store: PictureStore, split: str, columns: int = 12, rows: int = 3, side_px: int = 96) -> Image.Image:
    """Evenly chosen pictures of a split."""
    indices = store.indices(split)
    chosen = indices[np.linspace(0, len(indices) - 1, min(columns * rows, len(indices))).astype(int)]
    pictures = [Image.fromarray(store.pictures[int(i)]).resize((side_px, side_px)) for i in chosen]
    return grid_of(pictures, min(columns, len(pictures)))
