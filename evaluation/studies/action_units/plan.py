"""What a user asked of `study action_units`, how much is done, and the command that says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.studies.document import typed, without_folders


@dataclass(frozen=True)
class Plan:
    """How much is done.

    Attributes:
        vector_steps: of the training with a vector.
        style_steps: of the training with captions.
        batch_size: of both.
        noises: of each unit and level.
        real: labelled faces of people kept out that are asked for as they are.
        drawing_steps: of the sampler.
        au_guidance: weight of the vector; None: the prompt's.
        units: that are measured; none: all.
        people: unseen ones who are given expressions.
        per_run: of them learned together.
        person_steps: of such a run; None is what the config says.
        person_noises: of each person, unit and level.
        person_au_guidance: weights of the vector for them, each measured; none: ``au_guidance``.
    """

    vector_steps: int = 3000
    style_steps: int = 2000
    batch_size: int = 16
    noises: int = 24
    real: int = 300
    drawing_steps: int = 25
    au_guidance: float | None = None
    units: Sequence[int] = ()
    people: int = 20
    per_run: int = 5
    person_steps: int | None = None
    person_noises: int = 4
    person_au_guidance: Sequence[float] = ()


@dataclass(frozen=True)
class Order:
    """What a user asked for.

    Attributes:
        celeba: with people's labels.
        lfw: one folder a person.
        landmarker: MediaPipe's file.
        judge: of identity; took no part in learning.
        sd: the weights.
        out: where everything goes; what is there is not done again.
        document: write the page too.
        with_lfw: label and train on LFW too; else its people are only those with expressions.
    """

    celeba: Path
    lfw: Path
    landmarker: Path
    judge: str
    sd: Path
    out: Path
    document: bool = True
    with_lfw: bool = True


def command_of(order: Order, plan: Plan) -> str:
    """The command that gives the same numbers, without the places of this machine."""
    usual = Plan()
    changed = {key: value for key, value in vars(plan).items() if _listed(value) != _listed(getattr(usual, key))}
    if "units" in changed:
        changed["units"] = ",".join(map(str, plan.units))
    judge = without_folders(order.judge)
    first = "python -m ldm study action_units --celeba CELEBA --lfw LFW --landmarker face_landmarker.task"
    return " ".join([first, f"--judge {judge}", *typed(changed), *([] if order.with_lfw else ["--no-with-lfw"])])


def _listed(value: Any) -> Any:
    """A list for any sequence: an empty one is what no list is."""
    return list(value) if isinstance(value, list | tuple) else value
