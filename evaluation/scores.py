"""What is found in every picture of an evaluation: faces by each judge, prompt, sharpness."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image
from scipy.optimize import linear_sum_assignment

from evaluation.identity import Judge, SeenFace, Vector
from evaluation.subjects import Reference
from ldm.faces.cut import sharpness

FACE_PX = 112
"""Sharpness is that of the face's box at this size, so that pictures of different sizes compare."""

References = Mapping[str, Mapping[str, Reference]]
"""Judge -> person -> what the judge knows of them."""


class PromptJudge(Protocol):
    """Says how well pictures show what was asked for."""

    name: str

    def scores(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[float | None]:
        """A score a picture; None where the prompt asks for nothing that this judge can see.

        Args:
            images: N pictures.
            prompts: N prompts in plain words: nobody is called sks.
        """
        ...


@dataclass(frozen=True)
class Cosines:
    """One person in one picture, seen by one judge; without a face both are NaN.

    Attributes:
        given: mean cosine to the photos the model was given.
        nearest: cosine to the nearest of them.
        others: mean cosine to other photos of the person; None where there are none.
    """

    given: float
    nearest: float
    others: float | None


@dataclass(frozen=True)
class Score:
    """One person who was asked for in one picture.

    Attributes:
        file: the picture.
        prompt: as it was drawn, with placeholders.
        task: of the prompt.
        seed: of the picture.
        person: who is looked for.
        people: everybody the prompt asks for, in its order.
        faces: how many the first judge found.
        judges: what each judge says.
        prompt_score: of the prompt judge, or None.
        sharpness: of the largest face, see ``ldm.faces.cut.sharpness``; None without a face.
    """

    file: Path
    prompt: str
    task: str
    seed: int
    person: str
    people: tuple[str, ...]
    faces: int
    judges: dict[str, Cosines] = field(default_factory=dict)
    prompt_score: float | None = None
    sharpness: float | None = None


@dataclass(frozen=True)
class Asked:
    """One picture and what was asked for.

    Attributes:
        file: the picture.
        prompt: with placeholders.
        plain: in plain words.
        task: of the prompt.
        seed: of the picture.
        people: who should be seen, in the order of the prompt.
    """

    file: Path
    prompt: str
    plain: str
    task: str
    seed: int
    people: tuple[str, ...]


def score_pictures(
    asked: Sequence[Asked],
    read: Callable[[Path], Image.Image],
    judges: Sequence[Judge],
    references: References,
    prompt_judge: PromptJudge | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Score]:
    """A score for every person of every picture; faces are given to people by the best assignment.

    Args:
        asked: the pictures.
        read: gives a picture, RGB.
        judges: who looks; the first one's faces are counted and measured for sharpness.
        references: what each judge knows of each person.
        prompt_judge: says whether the prompt was obeyed.
        progress: called with 1 after every picture.
    """
    scores: list[Score] = []
    for one in asked:
        image = read(one.file)
        seen = {judge.name: judge.faces(image) for judge in judges}
        first = seen[judges[0].name]
        obeyed = prompt_judge.scores([image], [one.plain])[0] if prompt_judge else None
        sharp = sharpness(face_of(image, first[0])) if first else None
        found = {name: _cosines(faces, [references[name][who] for who in one.people]) for name, faces in seen.items()}
        for place, person in enumerate(one.people):
            own = {name: cosines[place] for name, cosines in found.items()}
            scores.append(
                Score(one.file, one.prompt, one.task, one.seed, person, one.people, len(first), own, obeyed, sharp)
            )
        if progress:
            progress(1)
    return scores


def face_of(image: Image.Image, face: SeenFace) -> Image.Image:
    """The box of a face, ``FACE_PX`` wide and high."""
    left, top, right, bottom = (float(edge) for edge in face.box)
    box = (max(0.0, left), max(0.0, top), min(float(image.width), right), min(float(image.height), bottom))
    if box[2] - box[0] < 1 or box[3] - box[1] < 1:
        box = (0.0, 0.0, float(image.width), float(image.height))
    return image.convert("RGB").resize((FACE_PX, FACE_PX), Image.Resampling.BICUBIC, box)


def _cosines(faces: Sequence[SeenFace], people: Sequence[Reference]) -> list[Cosines]:
    """For each of P people the cosines of the face that the best assignment gives them.

    One person gets the largest face, as in every other score of one person.
    """
    nan = float("nan")
    found = [Cosines(nan, nan, nan if len(one.others) else None) for one in people]
    if not faces:
        return found
    if len(people) == 1:
        return [_cosines_of(people[0], faces[0].vector)]
    table = np.array([[one.to_given(face.vector) for face in faces] for one in people])  # (P, N)
    for person, face in zip(*linear_sum_assignment(table, maximize=True), strict=True):
        found[person] = _cosines_of(people[person], faces[face].vector)
    return found


def _cosines_of(one: Reference, vector: Vector) -> Cosines:
    return Cosines(one.to_given(vector), one.to_nearest(vector), one.to_others(vector))
