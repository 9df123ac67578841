"""A cell: one person learned in one arm, and drawn. It is two files, and what is there is not done again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from ldm.files import write_json
from ldm.runs.draw import DrawSettings
from ldm.runs.draw_vectors import draw_vectors
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


@dataclass(frozen=True)
class Cell:
    """One person in one arm.

    Attributes:
        person: the name.
        steps: of the run that learned the person.
        pictures: that this person was seen in while learning, on average.
        seconds: of the processor for learning, the person's share of the run.
        distance: of the token vectors from the names' mean, by position.
        tokens: (E, D) the token vectors.
        plain: pictures of the plain prompt.
        asked: pictures of each prompt that asks for something.
    """

    person: str
    steps: int
    pictures: float
    seconds: float
    distance: list[float]
    tokens: list[list[float]]
    plain: int
    asked: int


class Cells:
    """The folder of cells: ``<arm>/<person>.json``, and beside it a picture of all that was drawn, in one row."""

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

    def write(self, arm: str, cell: Cell, pictures: Sequence[Image.Image]) -> None:
        """Keep a cell; the pictures first, since the cell says that both are there."""
        width, height = pictures[0].size
        row = Image.new("RGB", (width * len(pictures), height))
        for place, picture in enumerate(pictures):
            row.paste(picture, (place * width, 0))
        file = self.file(arm, cell.person)
        save_png(file.with_suffix(".png"), row, {"arm": arm, "person": cell.person})
        write_json(file, asdict(cell))

    def pictures(self, arm: str, person: str) -> list[Image.Image]:
        """All that was drawn of a person: first by the plain prompt, then by each of ``ASKED``."""
        cell = self.read(arm, person)
        with Image.open(self.file(arm, person).with_suffix(".png")) as opened:
            row = opened.convert("RGB")
        count = cell.plain + cell.asked * len(ASKED)
        width = row.width // count
        return [row.crop((place * width, 0, (place + 1) * width, row.height)) for place in range(count)]


class Drawer:
    """Draws people given as token vectors.

    Args:
        pipeline: a ``PersonPipeline``.
        plain: pictures of the plain prompt.
        asked: pictures of every prompt that asks for something, from the noise of the first plain ones.
        settings: sampler's steps and guidance.
    """

    def __init__(self, pipeline: Any, plain: int, asked: int, settings: DrawSettings) -> None:
        self.pipeline, self.plain, self.asked, self.settings = pipeline, plain, min(asked, plain), settings

    def draw(self, prompt: str, vectors: Tensor, count: int) -> list[list[Image.Image]]:
        """``count`` pictures of each of the people (P, E, D) by ``prompt``."""
        word = self.pipeline.placeholders.strings[0]
        seeds = [SEED + i for i in range(count)] * len(vectors)
        prompts = [prompt.format(word)] * len(seeds)
        drawn = draw_vectors(self.pipeline, prompts, vectors.repeat_interleave(count, 0), seeds, self.settings)
        return [drawn[start : start + count] for start in range(0, len(drawn), count)]

    def cells(
        self, people: Sequence[str], vectors: Tensor, mean: Tensor, facts: Mapping[str, Any]
    ) -> list[tuple[Cell, list[Image.Image]]]:
        """Draw ``people`` with token vectors (P, E, D): a cell and its pictures for each."""
        drawn = [self.draw(PLAIN, vectors, self.plain), *(self.draw(prompt, vectors, self.asked) for prompt in ASKED)]
        made = []
        for place, person in enumerate(people):
            cell = Cell(
                person,
                distance=[round(x, 4) for x in (vectors[place] - mean).norm(dim=-1).tolist()],
                tokens=[[round(x, 6) for x in row] for row in vectors[place].tolist()],
                plain=self.plain,
                asked=self.asked,
                **facts,
            )
            made.append((cell, [picture for of_prompt in drawn for picture in of_prompt[place]]))
        return made
