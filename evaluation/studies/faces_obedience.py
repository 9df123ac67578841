"""Does a model draw the attributes that it is told? Prompts for and against each, and a control that is told nothing.

Sex is told by a network that others made, the rest by our own, trained on CelebA's labels. How often each of them is
right about photos of people it has not seen stands beside what it says of drawings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.attributes import AttributeJudge, balanced_accuracy
from evaluation.studies.attribute_judge import HAIR
from evaluation.studies.document import markdown_table
from evaluation.studies.faces_drawn import draw, read_all

PEOPLE = ("a photo of a man", "a photo of a woman")
HAIR_WORDS = {"Black_Hair": "black", "Blond_Hair": "blond", "Brown_Hair": "brown", "Gray_Hair": "gray"}
GATES = {"sex": 0.95, "smile": 0.85, "eyeglasses": 0.85, "hair colour": 0.75}


@dataclass(frozen=True)
class Question:
    """One attribute asked for and not.

    Attributes:
        name: as reports call it.
        attribute: CelebA's word.
        asked: prompts for it.
        other: prompts against it, or without it.
    """

    name: str
    attribute: str
    asked: tuple[str, ...]
    other: tuple[str, ...]


def questions() -> list[Question]:
    """All of them."""
    found = [
        Question("sex", "Male", PEOPLE[:1], PEOPLE[1:]),
        Question("smile", "Smiling", _with(", smiling"), _with(", not smiling")),
        Question("open mouth", "Mouth_Slightly_Open", _with(" with an open mouth"), _with("")),
        Question("eyeglasses", "Eyeglasses", _with(", wearing eyeglasses"), _with("")),
    ]
    for attribute, word in HAIR_WORDS.items():
        others = [_with(f" with {other} hair") for other in HAIR_WORDS.values() if other != word]
        asked = _with(f" with {word} hair")
        found.append(Question("hair colour", attribute, asked, tuple(p for two in others for p in two)))
    return found


def _with(words: str) -> tuple[str, ...]:
    return tuple(person + words for person in PEOPLE)


@dataclass(frozen=True)
class Answer:
    """How a question was answered.

    Attributes:
        question: which.
        accuracy: balanced, of the drawings; one without a face is wrong.
        control: the same for drawings that were told nothing.
        judge: who looked.
        judge_accuracy: how often the judge is right about photos, balanced.
        asked: how many drawings were asked for it.
        other: how many were asked for the other.
    """

    question: Question
    accuracy: float
    control: float
    judge: str
    judge_accuracy: float
    asked: int
    other: int


def ask(
    pipeline: Any,
    judge: AttributeJudge,
    out: Path,
    about: Mapping[str, Any],
    each: int,
    seed: int,
    steps: int | None,
    guidance: float | None,
) -> list[Answer]:
    """Draw every prompt ``each`` times, and look.

    The control is drawn with the empty prompt from the same seeds, and scored as if it had been told.
    """
    asked = questions()
    distinct = list(dict.fromkeys(prompt for one in asked for prompt in (*one.asked, *one.other)))
    prompts = [prompt for prompt in distinct for _ in range(each)]
    told = judge(read_all(draw(pipeline, prompts, out, about, seed, steps, guidance)[0]))
    blind = judge(read_all(draw(pipeline, [""] * len(prompts), out, about, seed, steps, guidance)[0]))
    places = {prompt: range(n * each, (n + 1) * each) for n, prompt in enumerate(distinct)}
    return [answer(one, judge, told, blind, places) for one in asked]


def answer(
    question: Question,
    judge: AttributeJudge,
    told: Mapping[str, NDArray[np.float64]],
    blind: Mapping[str, NDArray[np.float64]],
    places: Mapping[str, Sequence[int]],
) -> Answer:
    """Score one question from what the judge said of all pictures."""
    wanted = [i for prompt in question.asked for i in places[prompt]]
    others = [i for prompt in question.other for i in places[prompt]]
    true = np.array([True] * len(wanted) + [False] * len(others))
    name = question.attribute
    score, control = (_score(true, said[name][wanted + others]) for said in (told, blind))
    return Answer(question, score, control, judge.source(name), judge.accuracy[name], len(wanted), len(others))


def _score(true: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """Balanced accuracy; a picture without a face (NaN) is wrong, whatever was asked for."""
    said = np.where(np.isnan(probabilities), ~true, probabilities > 0.5)
    return balanced_accuracy(true, said)


def by_name(answers: Sequence[Answer]) -> dict[str, tuple[float, float]]:
    """Mean accuracy and control of all questions of one name."""
    names = dict.fromkeys(one.question.name for one in answers)
    own = {name: [one for one in answers if one.question.name == name] for name in names}
    return {
        name: (float(np.mean([a.accuracy for a in some])), float(np.mean([a.control for a in some])))
        for name, some in own.items()
    }


def describe(answers: Sequence[Answer]) -> str:
    """A table."""
    rows = []
    for one in answers:
        colour = f" ({HAIR_WORDS[one.question.attribute]})" if one.question.attribute in HAIR else ""
        judge = f"{one.judge}, {one.judge_accuracy:.3f} on photos"
        numbers = [f"{one.accuracy:.3f}", f"{one.control:.3f}", f"{one.asked} and {one.other}", judge, ""]
        rows.append([one.question.name + colour, *numbers])
    for name, (accuracy, control) in by_name(answers).items():
        gate = f"≥ {GATES[name]}: {'met' if accuracy >= GATES[name] else 'not met'}" if name in GATES else "none"
        rows.append([f"**{name}**", f"**{accuracy:.3f}**", f"{control:.3f}", "", "", gate])
    return markdown_table(
        ["attribute", "balanced accuracy", "told nothing", "pictures for and against", "judge", "gate"], rows
    )
