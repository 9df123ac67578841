"""A cell: one person learned in one arm with one seed, drawn after some steps and looked at. It is a file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation.identity import Judge, Vector, score_vectors
from evaluation.scores import PromptJudge, face_of
from evaluation.studies.methods.learn import Cost
from evaluation.summary import Ssim, diversity
from evaluation.vision import ClipJudge
from ldm.faces.cut import sharpness
from ldm.files import write_json
from ldm.models.diffusion.pipelines import PersonPipeline
from ldm.runs.draw import DrawSettings, draw_prompt
from ldm.runs.pictures import grid
from ldm.runs.png import save_png
from ldm.runs.previews import people_so_far

PLAIN, CLASS = "a photo of {}", "a photo of a person"
ASKED = (
    "a photo of {} wearing a hat",
    "a photo of {} wearing eyeglasses",
    "a photo of {}, smiling",
    "a photo of {} with a goatee",
)
"""What is asked for where nothing else is: what a model of faces alone knows, and a judge of attributes sees."""
SEED = 42
"""Of a prompt's first picture: the noise is the same in all arms, for all people and seeds of training."""


@dataclass
class Cell:
    """What was seen.

    Attributes:
        person: the name.
        arm: its key.
        seed: of training.
        steps: after how many.
        identity: cosine of each picture by the plain prompt to the photos that were not learned from.
        detected: share of these pictures with a face.
        obedience: by prompt, how likely what it asks for is seen; how often two faces are, where it names another. Or
            what CLIP says of each.
        sharpness: of the faces at 112 px, mean.
        diversity: mean distance between the plain pictures.
        class_identity: cosine of each picture of the class to the same photos: how much everybody became that person.
        class_distance: of the class's pictures from those of the untouched model with the same noise.
        trained: numbers that were trained.
        seconds: of the processor, for learning.
    """

    person: str
    arm: str
    seed: int
    steps: int
    identity: list[float]
    detected: float
    obedience: dict[str, float]
    sharpness: float | None
    diversity: float
    class_identity: list[float]
    class_distance: float
    trained: int
    seconds: float


@dataclass(frozen=True)
class Eyes:
    """How cells are drawn and looked at.

    Attributes:
        judge: of identity; its network took no part.
        obeys: says whether prompts were obeyed; None: nobody does.
        undetected: what a picture without a face counts as.
        another: name of somebody whom the model knows, for a prompt about two; None: there is no such prompt.
        each: pictures of the plain prompt and of the class.
        asked: of every other prompt.
        steps: of the sampler.
        wanted: prompts that ask for something, ``{}`` is the person.
    """

    judge: Judge
    obeys: PromptJudge | None
    undetected: float
    another: str | None
    each: int
    asked: int
    steps: int
    wanted: Sequence[str] = ASKED

    def prompts(self, word: str) -> dict[str, int]:
        """Prompt -> number of pictures, for a person called ``word``."""
        two = [f"{PLAIN.format(word)} and {self.another}"] if self.another else []
        asked = dict.fromkeys([*(prompt.format(word) for prompt in self.wanted), *two], self.asked)
        return {PLAIN.format(word): self.each, **asked, CLASS: self.each}

    def draw(self, model: Any, word: str) -> dict[str, list[Image.Image]]:
        """Pictures by prompt. The batch is the same everywhere, as the seeds are."""
        pipeline: Any = PersonPipeline.of(model, people_so_far(model))
        pipeline.set_progress_bar_config(disable=True)
        guidance = model.defaults.guidance_scale
        drawn = {}
        for prompt, count in self.prompts(word).items():
            settings = DrawSettings(count, SEED, self.steps, guidance, batch_size=count)
            drawn[prompt] = [picture for _, picture in draw_prompt(pipeline, prompt, settings)]
        return drawn

    def look(
        self, drawn: dict[str, list[Image.Image]], word: str, reference: Vector, before: Sequence[Image.Image] | None
    ) -> dict[str, Any]:
        """What is seen in the pictures: the numbers of a cell.

        Args:
            drawn: by prompt, the plain one first and the class last.
            word: what the person is called in them.
            reference: the judge's vector of the person.
            before: pictures of the class by the untouched model; None where these are they.
        """
        plain, *asked, of_class = drawn
        own, vectors = drawn[plain], self.judge.vectors(drawn[plain])
        faces = [(picture, seen[0]) for picture in own if (seen := self.judge.faces(picture))]
        moved = [Ssim().pairs([a, b])[0] for a, b in zip(before or (), drawn[of_class], strict=False)]
        return {
            "identity": _rounded(score_vectors(reference, vectors, self.undetected).values),
            "detected": float(np.mean([vector is not None for vector in vectors])),
            "obedience": {
                prompt: score for prompt in asked if (score := self._obeyed(prompt, word, drawn[prompt])) is not None
            },
            "sharpness": float(np.mean([sharpness(face_of(*face)) for face in faces])) if faces else None,
            "diversity": diversity([own], Ssim()) or 0.0,
            "class_identity": _rounded(
                score_vectors(reference, self.judge.vectors(drawn[of_class]), self.undetected).values
            ),
            "class_distance": float(np.mean(moved)) if moved else 0.0,
        }

    def _obeyed(self, prompt: str, word: str, pictures: list[Image.Image]) -> float | None:
        """The mean over pictures. CLIP judges a prompt about two as well: a share of pictures is not on its scale."""
        if self.another and prompt.endswith(self.another) and not isinstance(self.obeys, ClipJudge):
            return float(np.mean([len(self.judge.faces(picture)) >= 2 for picture in pictures]))
        if self.obeys is None:
            return None
        plain = prompt.replace(word, "a person")  # who sks is, a judge does not know
        scores = [score for score in self.obeys.scores(pictures, [plain] * len(pictures)) if score is not None]
        return float(np.mean(scores)) if scores else None


class Cells:
    """The folder of cells, ``<arm>/<person>-<seed>-<steps>.json`` and all their pictures in one row beside each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, arm: str, person: str, seed: int, steps: int) -> Path:
        """Where a cell lies."""
        return self.folder / arm.replace(" ", "-").replace(",", "") / f"{person}-{seed}-{steps}.json"

    def read(self, arm: str, person: str, seed: int, steps: int) -> Cell:
        """A cell that is there."""
        return Cell(**json.loads(self.file(arm, person, seed, steps).read_text(encoding="utf-8")))

    def write(self, cell: Cell, drawn: dict[str, list[Image.Image]]) -> None:
        """Keep a cell; the pictures first, since the cell says that both are there."""
        file, row = self.file(cell.arm, cell.person, cell.seed, cell.steps), [p for own in drawn.values() for p in own]
        prompts = {prompt: len(own) for prompt, own in drawn.items()}
        save_png(file.with_suffix(".png"), grid(row, columns=len(row)), {"arm": cell.arm, "prompts": prompts})
        write_json(file, asdict(cell))

    def sheet(self, arm: str, person: str, seed: int, steps: int) -> Image.Image:
        """The row of pictures of a cell."""
        with Image.open(self.file(arm, person, seed, steps).with_suffix(".png")) as picture:
            return picture.convert("RGB")


def make_cell(person: str, arm: str, seed: int, steps: int, cost: Cost, seen: dict[str, Any]) -> Cell:
    """A cell of what was seen."""
    return Cell(person, arm, seed, steps, trained=cost.trained, seconds=round(cost.seconds, 2), **seen)


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 5) for value in values]
