"""What the judges say of a cell's pictures: whose face it is, and whether what was asked for is there."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from evaluation.attributes import AttributeJudge
from evaluation.identity import Judge, Vector
from evaluation.studies.celeb_basis.cells import ASKED, Cells
from ldm.files import write_json


@dataclass(frozen=True)
class Look:
    """What is seen in the pictures of one person in one arm.

    Attributes:
        faces: of each picture of the plain prompt the judge's vector, None without a face.
        asked: by attribute, how likely each picture of the prompt that asks for it has what was asked for.
        plain: the same of the pictures of the plain prompt from the same noise.
    """

    faces: list[list[float] | None]
    asked: dict[str, list[float]]
    plain: dict[str, list[float]]

    @property
    def vectors(self) -> list[Vector | None]:
        """The judge's vectors of the pictures."""
        return [None if row is None else np.asarray(row, np.float32) for row in self.faces]

    @property
    def obedience(self) -> dict[str, float]:
        """By attribute, how much likelier it is where it was asked for."""
        return {name: float(np.mean(self.asked[name]) - np.mean(self.plain[name])) for name in self.asked}


class Looker:
    """Looks at cells once and keeps what is seen beside them, in ``<person>.<judge>.look.json``.

    Args:
        cells: what was drawn.
        judge: who says whose face it is.
        sees: who says which attributes it has.
    """

    def __init__(self, cells: Cells, judge: Judge, sees: AttributeJudge) -> None:
        self.cells, self.judge, self.sees = cells, judge, sees

    def look(self, arm: str, person: str) -> Look:
        """What is seen of a person in an arm."""
        file = self.cells.file(arm, person).with_suffix(f".{self.judge.name}.look.json")
        if not file.is_file():
            write_json(file, asdict(self._look(self.cells.pictures(arm, person), self.cells.read(arm, person).plain)))
        return Look(**json.loads(file.read_text(encoding="utf-8")))

    def _look(self, pictures: Sequence[Image.Image], num_plain: int) -> Look:
        plain, others = pictures[:num_plain], pictures[num_plain:]
        each = len(others) // len(ASKED)
        before = self.sees(plain[:each])
        asked, unasked = {}, {}
        for place, (name, there) in enumerate(ASKED.values()):
            said = self.sees(others[place * each : (place + 1) * each])[name]
            asked[name], unasked[name] = _likely(said, there), _likely(before[name], there)
        found = [None if v is None else [round(float(x), 5) for x in v] for v in self.judge.vectors(plain)]
        return Look(found, asked, unasked)


def _likely(said: np.ndarray, there: bool) -> list[float]:
    """Probabilities that an attribute is there, or not there; 0 without a face."""
    return [round(float(x), 4) for x in np.nan_to_num(said if there else 1 - said, nan=0.0)]
