"""Are pictures copies of training pictures? The nearest one of each, by a network that had no part in training."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.identity import Judge
from evaluation.report import Cell, Gallery, Report, Shown, Table
from ldm.faces.photo_hash import distance, fingerprint
from ldm.faces.photos import PhotoError, read_photo

logger = logging.getLogger(__name__)

COPY_BITS = 6
"""Pictures whose fingerprints differ in at most so many of 64 bits are copies: saved again, smaller or brighter."""

SHOWN = 8

CHANCE = 0.05
"""Share of a control that is above the limit which is taken from it."""


@dataclass(frozen=True)
class Seen:
    """Pictures in which the judge finds a face.

    Attributes:
        files: N pictures.
        vectors: (N, F) of their largest faces.
        marks: (N, 64) fingerprints.
        without: pictures without a face or that cannot be read.
    """

    files: list[Path]
    vectors: NDArray[np.float32]
    marks: NDArray[np.bool_]
    without: int


def look_at(judge: Judge, files: Sequence[Path]) -> Seen:
    """The faces of ``files``.

    Raises:
        ValueError: none shows a face.
    """
    kept, vectors, marks = [], [], []
    for file in files:
        try:
            photo = read_photo(file)
        except PhotoError as error:
            logger.warning("%s", error)
            continue
        if (vector := judge.vector(photo)) is not None:
            kept.append(file)
            vectors.append(vector)
            marks.append(fingerprint(photo))
    if not kept:
        where = files[0].parent if files else "an empty folder"
        raise ValueError(f"judge {judge.name} finds no face in any of {len(files)} pictures ({where})")
    return Seen(kept, np.stack(vectors), np.stack(marks), len(files) - len(kept))


def report(
    judge: str, threshold: float, drawn: Seen, trained: Seen, control: Seen | None = None, held_out: bool = False
) -> Report:
    """The nearest training picture of every drawn one.

    Args:
        judge: who looked.
        threshold: what one in a thousand pairs of strangers exceeds.
        drawn: the pictures.
        trained: what was trained on.
        control: real photos of people that were not trained on: how near strangers come among so many pictures.
        held_out: it is known that the judge had no part in training.
    """
    cosines = drawn.vectors @ trained.vectors.T  # (N, M)
    nearest = cosines.argmax(1)
    best = cosines.max(1)
    bits = [distance(mark, trained.marks[place]) for mark, place in zip(drawn.marks, nearest, strict=True)]
    usual = None if control is None else (control.vectors @ trained.vectors.T).max(1)
    limit = threshold if usual is None else float(np.quantile(usual, 1 - CHANCE))
    verdicts = [_verdict(float(c), b, limit) for c, b in zip(best, bits, strict=True)]
    rows = [
        [file.name, float(cosine), trained.files[place].name, trained.files[place].parent.name, bit, verdict]
        for file, cosine, place, bit, verdict in zip(drawn.files, best, nearest, bits, verdicts, strict=True)
    ]
    shown = []
    for place in np.argsort(-best)[:SHOWN]:
        shown.append(
            Shown(drawn.files[place], f"drawn · {best[place]:.2f}", "bad" if verdicts[place] == "copy" else "")
        )
        shown.append(Shown(trained.files[nearest[place]], f"trained · {trained.files[nearest[place]].parent.name}"))
    copies, same = verdicts.count("copy"), verdicts.count("same person")
    lead = (
        f"{len(drawn.files)} pictures against {len(trained.files)} training pictures, by {judge}: {copies} copies, "
        f"{same} more show a person of the training pictures{'' if usual is None else _by_chance(len(drawn.files))}."
    )
    notices = [] if usual is not None else [_without_control(len(trained.files))]
    if not held_out:
        notices.append(f"Nobody looked whether the network of {judge} had a part in training: --run RUN does.")
    if drawn.without:
        notices.append(f"{drawn.without} pictures show no face or cannot be read, and are left out.")
    summary: list[list[Cell]] = [
        ["drawn", float(best.mean()), float(np.quantile(best, 0.95)), float(np.max(best)), len(best)]
    ]
    if usual is not None:
        high = float(np.quantile(usual, 0.95))
        summary.append(["control", float(usual.mean()), high, float(np.max(usual)), len(usual)])
    note = (
        f"Cosine to the nearest training picture. Above {limit:.3f} a picture shows a person of the training pictures."
    )
    columns = ["picture", "cosine", "nearest", "person", "bits apart", "verdict"]
    told = "bits apart: of 64 of a fingerprint of the whole picture; at most 6 is a copy."
    parts: list[Table | Gallery] = [
        Table("Nearest", ["pictures", "mean", "95 %", "highest", "number"], summary, note),
        Gallery("Nearest pairs", shown),
        Table("Pictures", columns, rows, told, drawn.files),
    ]
    values = {"kind": "memorization", "copies": copies, "same person": same, "limit": round(limit, 4)}
    return Report("Memorization", lead, notices, parts, {"judge": judge, "limit": limit}, values)


def _verdict(cosine: float, bits: int, limit: float) -> str:
    """What a picture is."""
    if cosine <= limit:
        return "nobody"
    return "copy" if bits <= COPY_BITS else "same person"


def _by_chance(drawn: int) -> str:
    return f"; of as many strangers {CHANCE:.0%}, {CHANCE * drawn:.3g}, would be above the limit too"


def _without_control(trained: int) -> str:
    chance = 1 - (1 - 1e-3) ** trained
    return (
        f"Without --control the limit is that of one pair (FAR 1e-3): among {trained} training pictures {chance:.1%} "
        "of strangers would pass it."
    )
