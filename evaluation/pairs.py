"""Two people in one picture: are both there, and is each in their place?

The order is the prompt's: the embedded model learns pictures captioned "a photo of A and B" with A at the left, so
"sks and ks" asks for sks at the left. A picture is judged in two ways.

* **Who is there.** Every face found is matched to the people by the assignment of the greatest sum of cosines
  (Hungarian method); each person gets the cosine of their face, or the judge's percentile of strangers without one.
* **Assigned.** With two faces, the two largest if there are more, ordered left to right: right if the cosines in the
  prompt's order sum to more than those in the swapped order. A model that draws two faces without telling the people
  apart is right half of the time (chance .5), whatever the judge; a picture without two faces is never right.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import linear_sum_assignment

from evaluation.identity import Judge, SeenFace, Vector


@dataclass(frozen=True)
class PairScore:
    """What one picture of two people shows.

    Attributes:
        num_faces: how many faces were found.
        assigned: two faces, and the prompt's order fits better than the swapped one.
        margin: by how much, as a mean cosine; NaN without two faces.
        cosines: (2,) each person's cosine to the face assigned to them, undetected ones at the percentile of strangers.
    """

    num_faces: int
    assigned: bool
    margin: float
    cosines: NDArray[np.float64]

    @property
    def two_faces(self) -> bool:
        """Whether at least two faces were found."""
        return self.num_faces >= 2


@dataclass(frozen=True)
class PairSummary:
    """Counts over pictures of two people.

    Attributes:
        n: pictures.
        two_faces: in how many at least two faces were found.
        assigned: in how many each person is in their place.
    """

    n: int
    two_faces: int
    assigned: int


def score_pair(judge: Judge, image: Image.Image, references: tuple[Vector, Vector], undetected: float) -> PairScore:
    """How well ``image`` shows the two people of ``references``, given in the prompt's order, left to right."""
    faces = judge.faces(image)
    assigned, margin = _in_order(faces, references)
    return PairScore(len(faces), assigned, margin, assigned_cosines(faces, references, undetected))


def assigned_cosines(faces: Sequence[SeenFace], references: Sequence[Vector], undetected: float) -> NDArray[np.float64]:
    """(P,) cosine of each person to the face that the best assignment gives them; ``undetected`` without a face."""
    cosines = np.full(len(references), undetected, np.float64)
    if faces:
        table = _cosines(faces, references)  # (P, N)
        people, found = linear_sum_assignment(table, maximize=True)
        cosines[people] = table[people, found]
    return cosines


def summarize(scores: Sequence[PairScore]) -> PairSummary:
    """Counts over ``scores``."""
    return PairSummary(len(scores), sum(s.two_faces for s in scores), sum(s.assigned for s in scores))


def in_prompt_order(prompt: str, placeholders: Sequence[str]) -> list[str]:
    """``placeholders`` in the order in which ``prompt`` names them.

    Raises:
        ValueError: one of them is not a word of the prompt.
    """
    found = {word: re.search(rf"\b{re.escape(word)}\b", prompt) for word in placeholders}
    if missing := [word for word, match in found.items() if match is None]:
        raise ValueError(f"prompt {prompt!r} does not name {', '.join(missing)}")
    return sorted(placeholders, key=lambda word: match.start() if (match := found[word]) else 0)


def _in_order(faces: Sequence[SeenFace], references: tuple[Vector, Vector]) -> tuple[bool, float]:
    """Whether the two largest faces stand in the order of ``references``, and the mean cosine's lead over swapping."""
    if len(faces) < 2:
        return False, float("nan")
    left, right = sorted(faces[:2], key=lambda face: face.center_x)
    table = _cosines([left, right], references)  # (2 people, 2 faces)
    margin = float(table[0, 0] + table[1, 1] - table[0, 1] - table[1, 0]) / 2
    return margin > 0, margin


def _cosines(faces: Sequence[SeenFace], references: Sequence[Vector]) -> NDArray[np.float64]:
    """(P, N) cosines of P references and N faces."""
    people = np.stack(list(references)).astype(np.float64)
    return np.asarray(people @ np.stack([face.vector for face in faces]).astype(np.float64).T)
