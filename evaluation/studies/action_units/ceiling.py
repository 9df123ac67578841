"""What a reader itself reaches on real photos of people kept out, at the size that the model draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from evaluation.au_metrics import REPLICATES, Agreement, agreement
from evaluation.studies.action_units.kept import Kept
from evaluation.studies.action_units.readers import Reader, Reading, column, read_pictures, said_by_people
from evaluation.studies.action_units.requests import RealFace
from ldm.data.control_images import middle
from ldm.data.pictures import to_signed
from ldm.data.sources import celeba, person_of
from ldm.faces.backend import FaceBackend
from ldm.faces.photos import read_photo
from ldm.runs.face_store import central_face
from ldm.runs.pictures import to_pictures

SEED = 42


@dataclass(frozen=True)
class Ceiling:
    """How well a reader tells one unit on real photos.

    Attributes:
        unit: which.
        reader: who reads.
        found: through the model's first stage, as small as it draws.
        full: on the photos as they are; None where these are what was labelled by the same reader.
        truth: whose labels are the truth.
    """

    unit: int
    reader: str
    found: Agreement
    full: Agreement | None
    truth: str


def through(model: Any, faces: FaceBackend | None = None) -> Callable[[Path], Image.Image]:
    """Makes of a photo what the model's first stage gives back, at the model's size.

    Args:
        model: a ``LatentDiffusion``.
        faces: crop the face in the middle first, as training pictures were; None: the photo's middle.
    """

    @torch.no_grad()
    def seen(path: Path) -> Image.Image:
        size = int(model.sample_size_px)
        crop = None if faces is None else central_face(faces, path, size)
        pixels = np.array(middle(read_photo(path), (size, size))) if crop is None else crop
        [picture] = to_pictures(model.decode_first_stage(model.encode_pictures(to_signed(pixels)[None])))
        return picture

    return seen


def labelled_by_people(celeba_folder: Path, count: int) -> list[RealFace]:
    """At most ``count`` photos of CelebA's test people with people's labels of AU12 and AU25; no intensities."""
    test = [one for one in celeba(celeba_folder) if one.row["split"] == "test"]
    order = np.random.default_rng(SEED).permutation(len(test))[:count]
    chosen = [test[place] for place in sorted(order.tolist())]
    return [RealFace(one.path, person_of(one.row), {}, said_by_people(one.row)) for one in chosen]


def ceilings(
    reader: Reader,
    faces: Sequence[RealFace],
    seen: Callable[[Path], Image.Image],
    kept: Kept,
    truth: str,
    replicates: int = REPLICATES,
) -> list[Ceiling]:
    """The ceiling of each unit that ``reader`` reads and the labels know, in both kinds."""
    small = _read(reader, faces, seen, kept, "small")
    full = _read(reader, faces, read_photo, kept, "full") if reader.independent else None
    found = []
    for unit, present_from in reader.present_from.items():
        there = np.array([float(one.present.get(unit, np.nan)) for one in faces])
        if len(set(there[~np.isnan(there)])) == 2:
            graded = np.array([one.asked.get(unit, np.nan) for one in faces])
            people = [one.person for one in faces]
            values = [None if said is None else column(said, unit) for said in (small, full)]
            both = [
                None if v is None else agreement(there, graded, v, people, present_from, replicates) for v in values
            ]
            assert both[0] is not None  # the small ones are always read
            found.append(Ceiling(unit, reader.name, both[0], both[1], truth))
    return found


def _read(
    reader: Reader, faces: Sequence[RealFace], opened: Callable[[Path], Image.Image], kept: Kept, how: str
) -> list[Reading | None]:
    paths = {f"{how}/{one.person}/{one.path.name}": one.path for one in faces}
    return read_pictures([reader], list(paths), lambda key: opened(paths[key]), kept)[reader.name]
