"""Which names a model knows: those that give a face, the same one each time, and another one than other names do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation.identity import Vector
from evaluation.report import Cell, Gallery, Report, Shown, Table

Values = NDArray[np.float64]
NOTE = (
    "face found: share of a name's pictures. consistency: mean cosine between its pictures of different seeds. "
    "distinctness: share of the other names whose pictures look less like this name's than these look like each other, "
    "different seeds again; .5 is chance. nearest: the other name that comes closest, and how close."
)


@dataclass(frozen=True)
class Limits:
    """What a name must reach to be kept.

    Attributes:
        detected: share of its pictures with a face.
        consistency: mean cosine between its pictures.
        distinctness: share of other names that it is told from.
    """

    detected: float = 0.75
    consistency: float = 0.0
    distinctness: float = 0.9


@dataclass(frozen=True)
class NameVerdict:
    """What was found about a name.

    Attributes:
        name: the name.
        detected: share of its pictures with a face.
        consistency: see :data:`NOTE`; None with fewer than two faces.
        distinctness: see :data:`NOTE`; None without consistency, or where there is no other name.
        nearest: the other name that comes closest, and the cosine.
        reasons: why it is left out; empty if it is kept.
    """

    name: str
    detected: float
    consistency: float | None
    distinctness: float | None
    nearest: tuple[str, float] | None
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether the name stays."""
        return not self.reasons


def similarities(faces: Sequence[Sequence[Vector | None]]) -> Values:
    """(N, N) mean cosine between pictures of two names that have different seeds; NaN where there are none.

    Pictures of one seed begin with the same noise and share their layout, so they are not compared.

    Args:
        faces: of each name the face in each of its pictures, seed by seed in the same order; None is no face.
    """
    width = next((len(face) for own in faces for face in own if face is not None), 1)
    pictures = len(faces[0])
    there = np.array([[face is not None for face in own] for own in faces], np.float64)  # (N, S)
    none = np.zeros(width)
    vectors = np.array([[none if face is None else face for face in own] for own in faces], np.float64)  # (N, S, F)
    sums, counts = vectors.sum(1), there.sum(1)
    total, pairs = sums @ sums.T, np.outer(counts, counts)
    for seed in range(pictures):
        total -= vectors[:, seed] @ vectors[:, seed].T
        pairs -= np.outer(there[:, seed], there[:, seed])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, total / pairs, np.nan)


def judge_names(names: Sequence[str], faces: Sequence[Sequence[Vector | None]], limits: Limits) -> list[NameVerdict]:
    """What is found about each name.

    Args:
        names: N.
        faces: see :func:`similarities`.
        limits: what a name must reach.

    Raises:
        ValueError: there are no names.
    """
    if not names:
        raise ValueError("there are no names to judge")
    alike = similarities(faces)
    return [_verdict(place, names, faces[place], alike, limits) for place in range(len(names))]


def _verdict(
    place: int, names: Sequence[str], own: Sequence[Vector | None], alike: Values, limits: Limits
) -> NameVerdict:
    detected = sum(face is not None for face in own) / len(own)
    consistency = None if np.isnan(alike[place, place]) else float(alike[place, place])
    others = np.delete(alike[place], place)
    known = ~np.isnan(others)
    distinctness, nearest = None, None
    if consistency is not None and known.any():
        distinctness = float((others[known] < consistency).mean())
        closest = int(np.nanargmax(others))
        nearest = [name for i, name in enumerate(names) if i != place][closest], float(others[closest])
    reasons = []
    if detected < limits.detected:
        reasons.append(f"a face in {detected:.0%} of its pictures")
    if consistency is None:
        reasons.append("too few faces to compare")
    elif consistency < limits.consistency:
        reasons.append(f"its pictures do not look alike ({consistency:.2f})")
    if distinctness is not None and distinctness < limits.distinctness:
        reasons.append(f"told from {distinctness:.0%} of other names only")
    return NameVerdict(names[place], detected, consistency, distinctness, nearest, tuple(reasons))


def report(
    title: str,
    verdicts: Sequence[NameVerdict],
    pictures: Mapping[str, Path | Image.Image],
    limits: Limits,
    settings: Mapping[str, Any],
    notices: Sequence[str] = (),
) -> Report:
    """The page: every name with its numbers, and a contact sheet of those kept and those left out.

    Args:
        title: of the page.
        verdicts: one a name.
        pictures: of each name its pictures in one.
        limits: what names had to reach.
        settings: how they were drawn and judged.
        notices: what must not be overlooked.
    """
    kept = [one for one in verdicts if one.kept]
    rows: list[list[Cell]] = []
    for one in verdicts:
        near = ("", None) if one.nearest is None else one.nearest
        numbers: list[Cell] = [one.detected, one.consistency, one.distinctness, *near]
        rows.append([one.name, "kept" if one.kept else "left out", *numbers, "; ".join(one.reasons)])
    columns = ["name", "", "face found", "consistency", "distinctness", "nearest", "cosine", "why"]
    wanted = (
        f"Kept: a face in at least {limits.detected:.0%} of the pictures, consistency at least "
        f"{limits.consistency:.3f}, distinctness at least {limits.distinctness:.2f}. "
    )
    parts: list[Table | Gallery] = [Table("Names", columns, rows, wanted + NOTE)]
    ordered = sorted(verdicts, key=lambda one: -(one.distinctness or 0.0))
    for words, css, listed in (("Kept", "good", True), ("Left out", "bad", False)):
        chosen = [one for one in ordered if one.kept is listed]
        shown = [Shown(pictures[one.name], "; ".join((one.name, *one.reasons)), css) for one in chosen]
        if shown:
            parts.append(Gallery(words, shown, f"{len(shown)} names, the most distinct first."))
    lead = f"{len(kept)} of {len(verdicts)} names are kept."
    said = [*notices, *([] if kept else ["No name is kept: the model knows none of them, or the limits are too high."])]
    values = {"kind": "names", "kept": [one.name for one in kept], "limits": vars(limits)}
    return Report(title, lead, said, parts, settings, values)
