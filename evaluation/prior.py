"""What a fine-tune did to everybody else: pictures of a class before and after it, from the same noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from evaluation.bootstrap import bootstrap_mean
from evaluation.identity import Judge, Vector
from evaluation.report import Cell, Gallery, Report, Shown, Table
from evaluation.scores import PromptJudge
from evaluation.summary import PictureDistance

SHOWN = 12
NOTE = (
    "drift: how much nearer faces of the class came to the people who were learned (cosine after minus before; 0 is "
    "right, more is leaking). change: distance of the pictures of one seed before and after (0: nothing changed). "
    "diversity: mean distance between pictures of one prompt. faces apart: 1 - mean cosine between its faces. "
    "low, high: 95 %, bootstrap over prompts."
)


@dataclass(frozen=True)
class ClassPictures:
    """Pictures of one prompt that mentions nobody who was learned, before and after, seed by seed."""

    prompt: str
    task: str
    before: Sequence[Image.Image]
    after: Sequence[Image.Image]


@dataclass(frozen=True)
class Drift:
    """What happened to one prompt; None where there were too few faces to say.

    Attributes:
        detection: share of pictures with a face, before and after.
        drift: cosine to the learned people, after minus before.
        change: mean distance between the two pictures of a seed.
        diversity: before and after.
        apart: how different the faces are, before and after.
        prompt: score, before and after.
    """

    detection: tuple[float, float]
    drift: float | None
    change: float
    diversity: tuple[float | None, float | None]
    apart: tuple[float | None, float | None]
    prompt: tuple[float | None, float | None]


def drift_of(
    one: ClassPictures,
    judge: Judge,
    learned: Sequence[Vector],
    distance: PictureDistance,
    prompt_judge: PromptJudge | None = None,
) -> Drift:
    """Compare the two sides of one prompt."""
    sides = (one.before, one.after)
    faces = [[vector for vector in judge.vectors(side) if vector is not None] for side in sides]
    near = [nearness(side, learned) for side in faces]
    scores = [prompt_judge.scores(side, [one.prompt] * len(side)) for side in sides] if prompt_judge else [[], []]
    pairs = [distance.pairs([before, after])[0] for before, after in zip(*sides, strict=True)]
    return Drift(
        detection=(len(faces[0]) / len(one.before), len(faces[1]) / len(one.after)),
        drift=None if near[0] is None or near[1] is None else near[1] - near[0],
        change=float(np.mean(pairs)),
        diversity=(_spread(distance, one.before), _spread(distance, one.after)),
        apart=(_apart(faces[0]), _apart(faces[1])),
        prompt=(_mean(scores[0]), _mean(scores[1])),
    )


def report(name: str, pictures: Sequence[ClassPictures], drifts: Sequence[Drift], judge: str, distance: str) -> Report:
    """The page on what happened to the class.

    Raises:
        ValueError: there are no pictures.
    """
    if not pictures:
        raise ValueError("no class prompt was drawn: give prompts that mention nobody who was learned")
    rows: list[list[Cell]] = []
    for one, drift in zip(pictures, drifts, strict=True):
        both = (*drift.diversity, *drift.apart, *drift.prompt)
        rows.append([one.prompt, one.task, *drift.detection, drift.drift, drift.change, *both])
    columns = ["prompt", "task", "face before", "face after", "drift", "change", "diversity before", "diversity after"]
    columns += ["faces apart before", "faces apart after", "prompt before", "prompt after"]
    summary, each = _summary(drifts), min(len(one.before) for one in pictures)
    whole = {row[0]: row[1] for row in summary}
    lead = (
        f"{len(pictures)} class prompts, {len(pictures[0].before)} pictures each before and after; by {judge}. "
        f"Faces of the class came {_signed(whole['drift towards the learned'])} nearer to the people who were learned."
    )
    shown = [
        Shown(side[0], f"{words} · {one.prompt}")
        for one in pictures[: SHOWN // 2]
        for words, side in (("before", one.before), ("after", one.after))
    ]
    parts: list[Table | Gallery] = [
        Table("Summary", ["measure", "mean", "low", "high", "prompts"], summary, NOTE),
        Table("Class prompts", columns, rows, f"Distances are {distance}."),
        Gallery("Before and after, same noise", shown),
    ]
    return Report(
        f"Prior: {name}",
        lead,
        _notices(summary, each),
        parts,
        {"judge": judge, "distance": distance},
        {"kind": "prior"},
    )


def _summary(drifts: Sequence[Drift]) -> list[list[Cell]]:
    """Means over prompts with intervals."""
    measures: dict[str, list[float | None]] = {
        "drift towards the learned": [d.drift for d in drifts],
        "change of a picture": [d.change for d in drifts],
        "faces found, after - before": [d.detection[1] - d.detection[0] for d in drifts],
        "diversity, after - before": [_difference(d.diversity) for d in drifts],
        "faces apart, after - before": [_difference(d.apart) for d in drifts],
        "prompt score, after - before": [_difference(d.prompt) for d in drifts],
    }
    rows: list[list[Cell]] = []
    for name, values in measures.items():
        known = [value for value in values if value is not None]
        found = bootstrap_mean(known) if len(known) > 1 else None
        mean = float(np.mean(known)) if known else None
        rows.append([name, mean, found.low if found else None, found.high if found else None, len(known)])
    return rows


def _notices(summary: Sequence[Sequence[Cell]], each: int) -> list[str]:
    """What must not be overlooked: what is surely worse than before, and what ``each`` picture a prompt cannot tell."""
    rows = {str(row[0]): row for row in summary}
    said = []
    low, high = rows["drift towards the learned"][2], rows["diversity, after - before"][3]
    if isinstance(low, float) and low > 0:
        said.append("The class drifts towards the people who were learned: they leak into prompts without them.")
    if isinstance(high, float) and high < 0:
        said.append("Pictures of the class are less diverse than before.")
    if rows["drift towards the learned"][1] is None:
        said.append("Too few faces were found in pictures of the class to measure drift.")
    if each < 2:
        said.append("One picture of each prompt: how diverse they are and how far faces are apart needs two (--n 2).")
    return said


def nearness(faces: Sequence[Vector], learned: Sequence[Vector]) -> float | None:
    """Mean cosine of faces to the nearest of the learned people; None without faces."""
    if not faces or not learned:
        return None
    return float((np.stack(list(faces)) @ np.stack(list(learned)).T).max(1).mean())


def _apart(faces: Sequence[Vector]) -> float | None:
    """1 - mean cosine between different faces; None with fewer than two."""
    if len(faces) < 2:
        return None
    table = np.stack(list(faces)) @ np.stack(list(faces)).T
    return 1 - float(table[~np.eye(len(faces), dtype=bool)].mean())


def _spread(distance: PictureDistance, images: Sequence[Image.Image]) -> float | None:
    return float(np.mean(distance.pairs(images))) if len(images) > 1 else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _difference(pair: tuple[float | None, float | None]) -> float | None:
    return None if pair[0] is None or pair[1] is None else pair[1] - pair[0]


def _signed(value: Cell) -> str:
    return f"{value:+.3f}".replace("-", "−") if isinstance(value, float) else "an unknown amount"
