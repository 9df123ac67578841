"""Whether pictures have what their prompt asks for (a smile, eyeglasses, grey hair), told by a judge of attributes."""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WORDS: tuple[tuple[str, str, bool], ...] = (
    (r"serious|sad|angry|stern", "Smiling", False),
    (r"smil\w*|laugh\w*|grin\w*|happy|cheerful", "Smiling", True),
    (r"(?:eye|sun)?glasses|spectacles", "Eyeglasses", True),
    (r"hat|cap|helmet|crown", "Wearing_Hat", True),
    (r"clean[- ]shaven", "No_Beard", True),
    (r"beard\w*|goatee|stubble", "No_Beard", False),
    (r"gr[ae]y[- ]hair\w*", "Gray_Hair", True),
    (r"black[- ]hair\w*", "Black_Hair", True),
    (r"brown[- ]hair\w*", "Brown_Hair", True),
    (r"blonde?(?:[- ]hair\w*)?", "Blond_Hair", True),
    (r"(?<!year[- ])(?<!years[- ])old|elderly|aged", "Young", False),  # a five year old girl is not old
    (r"young|youthful", "Young", True),
    (r"man|male|boy|gentleman", "Male", True),
    (r"woman|female|girl|lady", "Male", False),
)
"""Words of a prompt, the attribute of CelebA that they ask for, and whether it shall be there."""

KNOWN = "|".join(words for words, _, _ in WORDS)
BETWEEN = rf"(?:\s+(?!(?:and|but|with|{KNOWN})\b)[\w-]+){{0,2}}"
"""Words between a negation and what it turns round: not *wearing any* glasses."""
NOT = rf"\b(?:no|not|without){BETWEEN}(?:\s+(?:{KNOWN})\s+n?or{BETWEEN})?\s+"
"""A negation in front of known words; that of the first goes on to the second of two: no hat or glasses."""


class AttributeReader(Protocol):
    """Says of pictures how likely attributes are, such as ``evaluation.attributes.AttributeJudge``."""

    @property
    def names(self) -> Sequence[str]:
        """The attributes that it knows."""
        ...

    def __call__(self, pictures: Sequence[Image.Image], /) -> Mapping[str, NDArray[np.float64]]:
        """(N,) probabilities by name; NaN where no face is found."""
        ...


def asked_for(prompt: str) -> dict[str, bool]:
    """What a prompt in plain words asks for: attribute -> whether it shall be there; the first words found count.

    A negation at most two words before turns them round: "not wearing glasses" asks for none.
    """
    found: dict[str, bool] = {}
    text = prompt.lower()
    for words, attribute, wanted in WORDS:
        said = None if attribute in found else re.search(rf"({NOT})?\b(?:{words})\b", text)
        if said:
            found[attribute] = wanted != bool(said[1])
    return found


class ObedienceJudge:
    """Scores a picture by the mean probability of what its prompt asks for; 0 where no face is found.

    Args:
        reads: who looks at the faces.
    """

    def __init__(self, reads: AttributeReader) -> None:
        self._reads, self.name = reads, "attribute obedience"

    def scores(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[float | None]:
        """A score a picture; None where the prompt asks for nothing that is known."""
        wanted = [{a: w for a, w in asked_for(prompt).items() if a in self._reads.names} for prompt in prompts]
        places = [place for place, asked in enumerate(wanted) if asked]
        found: list[float | None] = [None] * len(images)
        if not places:
            return found
        said = self._reads([images[place] for place in places])
        for row, place in enumerate(places):
            likely = [said[name][row] if there else 1 - said[name][row] for name, there in wanted[place].items()]
            found[place] = 0.0 if np.isnan(likely).any() else float(np.mean(likely))
        return found
