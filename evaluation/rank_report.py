"""The page on all checkpoints of a run: a table, the Pareto list, the best one, and pictures to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from evaluation.ranking import Look, pareto
from evaluation.report import Cell, Gallery, Report, Shown, Table

NOTE = (
    "score: likeness x obedience - drift. likeness: 0 is what strangers get, 1 another real photo of the person. "
    "obedience: what the prompt judge says, as a share of what the class had before training. drift: how much nearer "
    "to the people faces of the class came. Pareto: no other checkpoint beats it in all three. Of checkpoints within "
    "the tolerance of the highest score, the latest is the best."
)


@dataclass(frozen=True)
class Portraits:
    """Pictures of one person after one step, and how much each looks like the person; None without a face."""

    step: int
    person: str
    prompts: Sequence[str]
    pictures: Sequence[Image.Image]
    cosines: Sequence[float | None]


def report(
    name: str,
    looks: Sequence[Look],
    best: Look,
    portraits: Sequence[Portraits],
    settings: Mapping[str, Any],
    notices: Sequence[str] = (),
) -> Report:
    """Everything on one page.

    Args:
        name: of the run.
        looks: of its checkpoints.
        best: the one that is marked.
        portraits: what was drawn.
        settings: how it was done.
        notices: what must not be overlooked beside.
    """
    front = pareto(looks)
    last = max(looks, key=lambda look: look.step)
    lead = (
        f"{len(looks)} checkpoint{'s' if len(looks) > 1 else ''}: the best is step {best.step} (score "
        f"{best.score:.3f}), the last is step {last.step} (score {last.score:.3f}). On the Pareto list: "
        f"{', '.join(str(look.step) for look in front)}."
    )
    parts: list[Table | Gallery] = [_checkpoints(looks, best, front), _people(looks)]
    parts += [_gallery(person, portraits, best, front) for person in dict.fromkeys(one.person for one in portraits)]
    values = {
        "kind": "rank",
        "best": best.step,
        "last": last.step,
        "pareto": [look.step for look in front],
        "looks": [look.as_json() for look in looks],
    }
    said = [*notices, *_notices(looks, best, last)]
    return Report(f"Checkpoints: {name}", lead, said, parts, settings, values)


def _checkpoints(looks: Sequence[Look], best: Look, front: Sequence[Look]) -> Table:
    rows: list[list[Cell]] = []
    for look in looks:
        marks = ("best" if look == best else "", "Pareto" if look in front else "")
        numbers = (look.score, look.likeness, look.obedience, look.drift, look.identity, look.detected, look.seconds)
        rows.append([f"step {look.step}", *numbers, ", ".join(mark for mark in marks if mark)])
    columns = ["checkpoint", "score", "likeness", "obedience", "drift", "identity", "face found", "seconds", "marks"]
    return Table("Checkpoints", columns, rows, NOTE)


def _people(looks: Sequence[Look]) -> Table:
    people = list(dict.fromkeys(person for look in looks for person in look.people))
    rows: list[list[Cell]] = [[f"step {look.step}", *(look.people.get(person) for person in people)] for look in looks]
    return Table("Identity of each person", ["checkpoint", *people], rows, "Mean cosine to the photos.")


def _gallery(person: str, portraits: Sequence[Portraits], best: Look, front: Sequence[Look]) -> Gallery:
    steps = {look.step for look in front}
    shown = []
    for one in portraits:
        if one.person == person:
            kind = "good" if one.step == best.step else "fair" if one.step in steps else ""
            for prompt, picture, cosine in zip(one.prompts, one.pictures, one.cosines, strict=True):
                said = "no face" if cosine is None else f"{cosine:.2f}"
                shown.append(Shown(picture, f"step {one.step} · {said} · {prompt}", kind))
    return Gallery(person, shown, "Frames: green the best checkpoint, amber others of the Pareto list.")


def _notices(looks: Sequence[Look], best: Look, last: Look) -> list[str]:
    """What must not be overlooked."""
    said = []
    if len(looks) == 1:
        said.append("There is one checkpoint only, so it is the best.")
    if all(look.obedience is None for look in looks):
        said.append("Nobody judged whether prompts were obeyed (--prompt-judge): obedience counts as 1.")
    if best.likeness <= 0:
        said.append("Even the best checkpoint looks no more like the people than strangers do.")
    if any(look.detected == 0 for look in looks):
        said.append("In some checkpoints no picture has a face.")
    if last.drift is not None and last.drift > 0.1:
        said.append("Faces of the class came nearer to the people who were learned: they leak into other prompts.")
    return said
