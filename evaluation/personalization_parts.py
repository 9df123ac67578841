"""The tables and galleries of the report on a run's people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from evaluation.agreement import COLUMNS as COLUMNS_OF_AGREEMENT
from evaluation.agreement import NOTE as NOTE_OF_AGREEMENT
from evaluation.agreement import Scored, agreements
from evaluation.compare import HELD_OUT
from evaluation.report import Cell, Gallery, Shown, Table
from evaluation.scores import Score
from evaluation.summary import Identity, interval, per_person

if TYPE_CHECKING:
    from evaluation.personalization import Evaluation

BEST, WORST = 12, 12
"""How many pictures the galleries show."""

COLUMNS = (
    *("identity", "low", "high", "detected only", "other photos", "copy-paste gap", "share of a copy"),
    *("face found", "% of ceiling", "verified"),
)
NOTE = (
    "identity: mean cosine to the photos the model was given; a face that is not found counts as the judge's 5th "
    "percentile between strangers (detected only: without those). low, high: 95 %, bootstrap over people. "
    "other photos: cosine to photos that the model never saw. copy-paste gap: how much closer a picture is to the "
    "given photos than to others. share of a copy, by the nearest given photo: 0 is what another real photo of the "
    "person has, 1 what a given photo itself has. % of ceiling: 0 is what strangers get, 100 another real photo of the "
    "person. verified: share above the threshold that one in a thousand strangers passes. The given photos are never "
    "counted."
)


def known(value: float | None) -> float | None:
    """The value, or None for what is not a number: a face that was not found."""
    return None if value is None or np.isnan(value) else value


def _numbers(one: Identity) -> list[Cell]:
    """The cells of ``COLUMNS``."""
    return [
        *(one.mean, one.low, one.high, one.detected_only, one.others, one.gap, one.gap_share),
        *(one.detection, one.percent, one.verified),
    ]


def judges(found: "Evaluation") -> Table:
    """A row for each judge."""
    rows: list[list[Cell]] = []
    for name, standard in found.standards.items():
        part = "conditioned the model" if found.encoders[name] in found.conditioned_by else HELD_OUT
        one = standard.calibration
        rows.append([name, part, *_numbers(found.of(found.scores, name)), one.undetected, one.stranger, one.people])
    columns = ["judge", "part", *COLUMNS, "undetected counts as", "strangers' median", "calibrated on people"]
    return Table("Judges", columns, rows, NOTE)


def tasks(found: "Evaluation") -> Table:
    """A row for each task, and one for all."""
    rows: list[list[Cell]] = []
    tasks = list(dict.fromkeys(score.task for score in found.scores))
    for task in [*tasks, ""]:
        scores = [score for score in found.scores if task in ("", score.task)]
        spread, trusted = found.diversity.get(task, (None, None))
        rows.append([task or "all", len(scores), *_numbers(found.of(scores)), *_beside(scores), spread, trusted])
    columns = ["task", "scores", *COLUMNS, "prompt", "prompt low", "prompt high", "sharpness"]
    note = (
        f"By {found.first}. prompt: by {found.prompt_judge or 'nobody'}. diversity: mean {found.distance} between "
        "pictures of one prompt; trusted: among pictures that pass verification. sharpness: of the face at 112 px, "
        "variance of the Laplacian."
    )
    return Table("Tasks", [*columns, "diversity", "trusted diversity"], rows, note)


def _beside(scores: Sequence[Score]) -> list[Cell]:
    """Prompt score with its interval over people, and sharpness."""
    asked = [score for score in scores if score.prompt_score is not None]
    prompt = interval(list(per_person(asked, lambda s: s.prompt_score or 0.0).values())) if asked else (None,) * 3
    sharp = [score.sharpness for score in scores if score.sharpness is not None]
    return [*prompt, float(np.mean(sharp)) if sharp else None]


def people(found: "Evaluation") -> Table:
    """A row for each person; the interval is over their pictures, so it is left out."""
    rows = []
    for person in sorted({score.person for score in found.scores}):
        scores = [score for score in found.scores if score.person == person]
        one = found.of(scores)
        ceiling = found.standards[found.first].ceilings.get(person)
        rows.append([person, len(scores), *_numbers(one)[:1], *_numbers(one)[3:], ceiling])
    columns = ["person", "scores", COLUMNS[0], *COLUMNS[3:], "real photos"]
    return Table("People", columns, rows, f"By {found.first}. real photos: cosine between given and other photos.")


def prompts(found: "Evaluation") -> Table:
    """A row for each prompt."""
    rows: list[list[Cell]] = []
    for prompt, task in dict.fromkeys((score.prompt, score.task) for score in found.scores):
        scores = [score for score in found.scores if score.prompt == prompt]
        together = len(scores[0].people)
        both = [score.faces >= together for score in scores]
        numbers = [*_numbers(found.of(scores)), *_beside(scores)[::3], float(np.mean(both))]
        rows.append([prompt, task, len(scores), *numbers])
    columns = ["prompt", "task", "scores", *COLUMNS, "prompt score", "sharpness", "enough faces"]
    note = f"By {found.first}. enough faces: share of pictures with a face for everybody in the prompt."
    return Table("Prompts", columns, rows, note)


def agreement(found: "Evaluation") -> Table:
    """How far judges agree on the order of the pictures."""
    scored = [Scored(one.person, {name: said.given for name, said in one.judges.items()}) for one in found.scores]
    rows: list[list[Cell]] = [list(one.row()) for one in agreements(scored)]
    return Table("Agreement of judges", COLUMNS_OF_AGREEMENT, rows, NOTE_OF_AGREEMENT)


def galleries(found: "Evaluation") -> list[Gallery]:
    """The pictures that look most like the people, those that look least like them, and those without a face."""
    judge = found.first
    seen = [score for score in found.scores if not np.isnan(score.judges[judge].given)]
    ordered = sorted(seen, key=lambda score: -score.judges[judge].given)
    lost = [score for score in found.scores if np.isnan(score.judges[judge].given)]
    threshold = found.standards[judge].calibration.threshold
    made = [
        Gallery("Best", [_shown(score, judge, threshold) for score in ordered[:BEST]], f"By {judge}."),
        Gallery("Worst", [_shown(score, judge, threshold) for score in ordered[::-1][:WORST]], f"By {judge}."),
        Gallery("No face found", [_shown(score, judge, threshold) for score in lost[:WORST]]),
    ]
    return [gallery for gallery in made if gallery.shown]


def _shown(score: Score, judge: str, threshold: float) -> Shown:
    value = score.judges[judge].given
    kind = "bad" if np.isnan(value) else "good" if value > threshold else "fair"
    number = "no face" if np.isnan(value) else f"{value:.2f}"
    return Shown(score.file, f"{number} · {score.person} · {score.prompt} · {score.seed}", kind)


def pictures(found: "Evaluation") -> Table:
    """A row for each person of each picture."""
    rows = []
    for score in found.scores:
        cosines = [known(c) for name in found.standards for c in (score.judges[name].given, score.judges[name].others)]
        beside = [score.faces, score.prompt_score, score.sharpness]
        rows.append([score.person, score.task, score.prompt, score.seed, *cosines, *beside])
    judged = [f"{name}{what}" for name in found.standards for what in ("", ", others")]
    columns = ["person", "task", "prompt", "seed", *judged, "faces", "prompt score", "sharpness"]
    note = "Cosine to the given photos and to others, judge by judge; a dash: no face found, or no other photo."
    return Table("Pictures", columns, rows, note, [score.file for score in found.scores])
