"""Labelled people, apart: faces of CelebA and LFW cropped, who is trained on, and who is kept out."""

import csv
import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from evaluation.studies.action_units.readers import said_by_people
from ldm.commands.bars import bar
from ldm.data.action_units.people import require_disjoint
from ldm.data.action_units.sample import AuDataError, AuSample, Oddities
from ldm.data.action_units.tables import TABLES, read_table, write_table
from ldm.data.sources import Source
from ldm.faces.backend import load_backend
from ldm.files import write_json, write_text
from ldm.runs.face_store import central_face
from ldm.runs.pictures import save_jpeg

logger = logging.getLogger(__name__)

CROP_PX = 128
HELD_OUT = ("test", "held_out")
"""Splits of CelebA and of LFW whose people are in no training of the embedded model."""
FACES, TRUTH, SPLITS = "faces", "truth.csv", "splits.json"


def folder_of(source: Source) -> str:
    """A folder's name for a person, another one in every data set."""
    who = source.row.get("identity") or source.row.get("name") or source.path.stem
    return f"{source.row['source']}-{str(who).replace(' ', '_')}"


def crop_faces(sources: Iterable[Source], out: Path, size_px: int = CROP_PX) -> int:
    """Write ``faces/<person>/<file>.jpg``, ``truth.csv`` (people's labels) and ``splits.json``; how many faces.

    A face is cropped as the embedded model's training pictures were. What is there is kept.

    Raises:
        AuDataError: no face is found in any picture.
    """
    every = list(sources)
    backend, samples, splits = load_backend("yunet-sface"), [], {}
    with bar("crop", len(every)) as advance:
        for source in every:
            advance(1)
            who = folder_of(source)
            path = out / FACES / who / f"{source.path.stem}.jpg"
            if not path.is_file():
                crop = central_face(backend, source.path, size_px)
                if crop is None:
                    logger.warning("no face found in %s: left out", source.path.name)
                    continue
                save_jpeg(Image.fromarray(crop), path)
            splits[who] = "test" if source.row["split"] in HELD_OUT else "train"
            if "attributes" in source.row:
                samples.append(AuSample(path, who, occurrence=said_by_people(source.row)))
    if not splits:
        raise AuDataError(f"of {len(every)} pictures, none shows a face")
    write_table(out / TRUTH, samples, out / FACES)
    write_json(out / SPLITS, splits)
    return len(list((out / FACES).glob("*/*.jpg")))


def split_table(labels: Path, folder: Path) -> tuple[Path, Path]:
    """``train.csv`` and ``test.csv`` in ``folder``: the rows of ``labels`` by people who are in one of them only.

    Raises:
        AuDataError: one of the two has nobody.
    """
    splits: dict[str, str] = json.loads((folder / SPLITS).read_text(encoding="utf-8"))
    samples = read_table(labels, Oddities(), TABLES["plain"], None, folder / FACES)
    parts = {name: [one for one in samples if splits.get(one.subject) == name] for name in ("train", "test")}
    if empty := [name for name, own in parts.items() if not own]:
        raise AuDataError(f"no labelled picture shows a person of the {empty[0]} part")
    require_disjoint({name: {one.subject for one in own} for name, own in parts.items()})
    for name, own in parts.items():
        write_table(folder / f"{name}.csv", own, folder / FACES)
    return folder / "train.csv", folder / "test.csv"


def name_table(folder: Path, known: Sequence[str], out: Path) -> Path:
    """``out``, a table of ``subject`` and ``name``: people of LFW in ``folder`` whose name is one of ``known``.

    Raises:
        FileNotFoundError: ``folder`` was not made by `prepare au`.
    """
    names = {f"lfw-{name.replace(' ', '_')}": name for name in known}
    rows = [f"{who},{names[who]}" for who in sorted(subjects_of(folder)) if who in names]
    write_text(out, "\n".join(["subject,name", *rows]) + "\n")
    return out


def subjects_of(folder: Path) -> set[str]:
    """Who is in a folder that `prepare au` made.

    Raises:
        FileNotFoundError: it was not made by it.
    """
    table = folder / "labels.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{folder} holds no labels.csv: make it with `python -m ldm prepare au`")
    with table.open(encoding="utf-8", newline="") as file:
        return {row["subject"] for row in csv.DictReader(file)}


def require_unseen(trained: Sequence[Path], tested: Path) -> None:
    """Nothing, if nobody of ``tested`` is in one of the folders ``trained``.

    Raises:
        AuDataError: somebody is; the first is named.
    """
    own = subjects_of(tested)
    for folder in trained:
        if (folder / "labels.csv").is_file():
            require_disjoint({folder.as_posix(): subjects_of(folder), tested.as_posix(): own})
