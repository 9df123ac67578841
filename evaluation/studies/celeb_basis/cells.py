"""A cell: one person learned in one arm, drawn and judged. It is a file, and what is there is not done again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from evaluation.attributes import AttributeJudge
from evaluation.identity import Judge, Vector
from ldm.files import write_json
from ldm.runs.draw import DrawSettings
from ldm.runs.draw_vectors import draw_vectors
from ldm.runs.pictures import grid
from ldm.runs.png import save_png

PLAIN = "a photo of {}"
ASKED = {
    "a photo of {} wearing eyeglasses": ("Eyeglasses", True),
    "a photo of {} wearing a hat": ("Wearing_Hat", True),
    "a photo of {}, smiling": ("Smiling", True),
    "a photo of {} with blond hair": ("Blond_Hair", True),
    "a photo of {} with gray hair": ("Gray_Hair", True),
    "a photo of {} with a goatee": ("No_Beard", False),
}
"""Prompts, and the attribute of CelebA that each asks for, there or not: in words that the embedded model learned."""
SEED = 42
"""Of the first picture; the noise of a picture is the same in all arms and for all people."""


@dataclass
class Cell:
    """One person in one arm.

    Attributes:
        person: the name.
        faces: of each picture by the plain prompt the judge's vector, None without a face.
        asked: by attribute, how likely each picture of the prompt that asks for it has what was asked for.
        plain: the same of the pictures of the plain prompt with the same noise.
        steps: of the run that learned the person.
        pictures: that this person was seen in while learning, on average.
        seconds: of learning, the person's share of its run.
        distance: of the token vectors from the names' mean, by position.
        tokens: (E, D) the token vectors.
    """

    person: str
    faces: list[list[float] | None]
    asked: dict[str, list[float]]
    plain: dict[str, list[float]]
    steps: int
    pictures: float
    seconds: float
    distance: list[float]
    tokens: list[list[float]]

    @property
    def vectors(self) -> list[Vector | None]:
        """The judge's vectors of the pictures."""
        return [None if row is None else np.asarray(row, np.float32) for row in self.faces]

    @property
    def obedience(self) -> dict[str, float]:
        """By attribute, how much more it is seen where it was asked for."""
        return {name: float(np.mean(self.asked[name]) - np.mean(self.plain[name])) for name in self.asked}


class Cells:
    """The folder of cells, ``<arm>/<person>.json`` and a picture beside each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, arm: str, person: str) -> Path:
        """Where a cell lies."""
        return self.folder / arm / f"{person}.json"

    def done(self, arm: str, person: str) -> bool:
        """Whether a cell is there."""
        return self.file(arm, person).is_file()

    def read(self, arm: str, person: str) -> Cell:
        """A cell that is there."""
        return Cell(**json.loads(self.file(arm, person).read_text(encoding="utf-8")))

    def write(self, arm: str, cell: Cell, sheet: Image.Image) -> None:
        """Keep a cell; the picture first, since the cell says that both are there."""
        file = self.file(arm, cell.person)
        save_png(file.with_suffix(".png"), sheet, {"arm": arm, "person": cell.person})
        write_json(file, asdict(cell))

    def sheet(self, arm: str, person: str) -> Image.Image:
        """The pictures of a cell in one row: first of the plain prompt, then one of each attribute asked for."""
        with Image.open(self.file(arm, person).with_suffix(".png")) as picture:
            return picture.convert("RGB")


class Drawer:
    """Draws people given as token vectors, and lets the judges look.

    Args:
        pipeline: a ``PersonPipeline``.
        judge: who says whose face it is.
        sees: who says which attributes it has.
        each: pictures of the plain prompt.
        asked: pictures of every prompt that asks for something; the first seeds of the plain ones.
        settings: sampler's steps and guidance.
    """

    def __init__(
        self, pipeline: Any, judge: Judge, sees: AttributeJudge, each: int, asked: int, settings: DrawSettings
    ) -> None:
        self.pipeline, self.judge, self.sees = pipeline, judge, sees
        self.each, self.asked, self.settings = each, min(asked, each), settings

    def draw(self, prompt: str, vectors: Tensor, count: int) -> list[list[Image.Image]]:
        """``count`` pictures of each of the people (P, E, D) by ``prompt``."""
        word = self.pipeline.placeholders.strings[0]
        seeds = [SEED + i for i in range(count)] * len(vectors)
        prompts = [prompt.format(word)] * len(seeds)
        drawn = draw_vectors(self.pipeline, prompts, vectors.repeat_interleave(count, 0), seeds, self.settings)
        return [drawn[start : start + count] for start in range(0, len(drawn), count)]

    def faces(self, pictures: Sequence[Image.Image]) -> list[list[float] | None]:
        """The judge's vectors as a file keeps them."""
        found = self.judge.vectors(pictures)
        return [None if vector is None else [round(float(x), 5) for x in vector] for vector in found]

    def likely(self, pictures: Sequence[Image.Image], name: str, there: bool) -> list[float]:
        """How likely each picture has attribute ``name``, or has it not; 0 without a face."""
        said = self.sees(pictures)[name]
        return _rounded(np.nan_to_num(said if there else 1 - said, nan=0.0).tolist())

    def cells(
        self, people: Sequence[str], vectors: Tensor, mean: Tensor, facts: Mapping[str, Any]
    ) -> list[tuple[Cell, Image.Image]]:
        """Draw and judge ``people`` with token vectors (P, E, D): a cell and its row of pictures for each."""
        plain = self.draw(PLAIN, vectors, self.each)
        asked = {name: self.draw(prompt, vectors, self.asked) for prompt, (name, _) in ASKED.items()}
        made = []
        for place, person in enumerate(people):
            own = plain[place]
            cell = Cell(
                person,
                self.faces(own),
                {name: self.likely(asked[name][place], name, there) for name, there in ASKED.values()},
                {name: self.likely(own[: self.asked], name, there) for name, there in ASKED.values()},
                distance=_rounded((vectors[place] - mean).norm(dim=-1).tolist()),
                tokens=[[round(x, 6) for x in row] for row in vectors[place].tolist()],
                **facts,
            )
            row = [*own[:4], *(pictures[place][0] for pictures in asked.values())]
            made.append((cell, grid(row, columns=len(row))))
        return made


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(float(value), 4) for value in values]
