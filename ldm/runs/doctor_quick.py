"""The doctor's quick form, before training: what is wrong with the photos that a run is about to learn from."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ldm.data.choice import choose_people
from ldm.data.manifest import Record, group_people, read_people
from ldm.faces.backend import load_backend
from ldm.faces.checkup import CROP_PX, Checkup, blur_of, examine, light_of
from ldm.faces.faults import Verdict, counts, judge_photos
from ldm.faces.photo_hash import fingerprint
from ldm.faces.photos import PhotoError, list_photos, read_photo
from ldm.runs.doctor import person_of
from ldm.runs.processes import process_rank

logger = logging.getLogger(__name__)

MOST_PHOTOS = 60
"""More are not looked at: the quick form takes seconds."""
OF_ANY_PHOTO = ("unreadable", "turned", "duplicate")
INSTANCES = "InstancePictures"
FACES = "FaceIdDatasetOneShot"


def say_what_is_wrong(data: Mapping[str, Any]) -> list[Verdict]:
    """Look at the photos that the config's ``data`` names, and warn of what is wrong with them; what was found.

    Photos of a manifest were aligned already: their vectors are taken from it, and no face is searched.
    """
    node = (data.get("params") or {}).get("train") or {}
    params, target = node.get("params") or {}, str(node.get("target", ""))
    if process_rank() > 0 or not target.endswith((INSTANCES, FACES)):
        return []
    try:
        of_faces = target.endswith(FACES)
        verdicts = judge_photos(_of_manifest(params)) if of_faces else _of_folder(Path(params["folder"]))
    except (
        OSError,
        ValueError,
        LookupError,
        RuntimeError,
    ) as error:  # training says it better, if it minds
        logger.debug("photos were not looked at: %s", error)
        return []
    found = counts(verdicts)
    if not found:
        logger.info("looked at %d photos: nothing is wrong with them", len(verdicts))
        return verdicts
    logger.warning("looked at %d photos: %s", len(verdicts), ", ".join(f"{n} {kind}" for kind, n in found.items()))
    for verdict in [one for one in verdicts if one.faults][:5]:
        logger.warning("  %s: %s", verdict.checkup.path.name, "; ".join(fault.reason for fault in verdict.faults))
    logger.warning("`python -m ldm doctor PHOTOS --fix OUT` shows them all and writes a cleaned copy")
    return verdicts


def _of_folder(folder: Path) -> list[Verdict]:
    """Photos as they are; where hardly any shows a face, it is no person, and faces are not asked for."""
    backend = load_backend()
    checkups = [examine(path, person_of(path, folder), backend) for path in list_photos(folder)[:MOST_PHOTOS]]
    verdicts = judge_photos(checkups)
    if 2 * sum(bool(one.faces) for one in checkups) >= len(checkups):
        return verdicts
    return [Verdict(one.checkup, tuple(f for f in one.faults if f.kind in OF_ANY_PHOTO)) for one in verdicts]


def _of_manifest(params: Mapping[str, Any]) -> list[Checkup]:
    """The aligned faces that training will take."""
    people = group_people(read_people(Path(params["pickle_path"])))
    chosen = choose_people(list(people), params.get("num_ids"), params.get("specific_ids"))
    records: Sequence[Record] = [record for person in chosen for record in people[person]]
    return [_of_record(record) for record in records[:MOST_PHOTOS]]


def _of_record(record: Record) -> Checkup:
    """What is known of an aligned face; sharpness and light only where the picture is large enough to tell."""
    try:
        picture = read_photo(record.path)
    except PhotoError as error:
        return Checkup(record.path, record.person, error=str(error))
    marks = [fingerprint(picture), fingerprint(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))]
    vector = None if record.vector is None else np.asarray(record.vector, np.float32)
    known = Checkup(record.path, record.person, size=picture.size, vector=vector, marks=marks, aligned=True)
    if record.mode != "ffhq" or min(picture.size) < CROP_PX:
        return known
    crop = picture.resize((CROP_PX, CROP_PX), Image.Resampling.LANCZOS)
    return Checkup(**{**vars(known), "blur": blur_of(crop), "light": light_of(crop), "crop": crop})
