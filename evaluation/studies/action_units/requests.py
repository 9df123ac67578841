"""What is asked for: one unit at every intensity from the same noise, and whole faces as real people's are."""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from ldm.commands.drawing_au import vector_of
from ldm.data.action_units.asked import au_prompt, told
from ldm.data.action_units.captions import CaptionMode
from ldm.data.action_units.facs import Asked
from ldm.data.au_pictures import TABLE, intensities_of
from ldm.modules.au_conditioner import conditioner_of, worded
from ldm.runs.draw_au import AuRequest

PRESENT_FROM = 2.0
"""Asked for with this much or more, a unit should be present, with 0 absent; in between neither (DISFA's rule)."""
NEUTRAL = 0.0


@dataclass(frozen=True)
class Speech:
    """How a model is told what a face shall do.

    Attributes:
        mode: of the words; None: by a vector.
        units: that the vector has.
        word: that stands for the vector.
        others: what a vector says of units that are not asked for.
        blind: tell nothing, whatever is asked, and let every picture begin with noise of its own: a control.
    """

    mode: CaptionMode | None
    units: tuple[int, ...] = ()
    word: str = ""
    others: Literal["untold", "absent"] = "untold"
    blind: bool = False

    @classmethod
    def of(
        cls, model: Any, mode: CaptionMode, others: Literal["untold", "absent"] = "untold", blind: bool = False
    ) -> Self:
        """How ``model`` is told: by its vector where it takes one, else in words of this ``mode``."""
        part = conditioner_of(model)
        if part is None:
            return cls(mode, others=others, blind=blind)
        return cls(None, part.units, part.word, others, blind)

    @property
    def graded(self) -> bool:
        """Whether it can tell how strong a movement shall be."""
        return self.mode not in ("code", "index")

    def request(self, file: str, prompt: str, seed: int, asked: Sequence[Asked], **facts: Any) -> AuRequest:
        """A picture of ``prompt`` that does what is asked."""
        about = {"au": told(asked) or "neutral", **facts}
        if self.blind:
            asked, seed = [], zlib.crc32(file.encode())
        if self.mode is not None:
            return AuRequest(file, au_prompt(prompt, asked, self.mode), seed, None, about)
        vector = [math.nan] * len(self.units) if self.blind else vector_of(asked, self.units, self.others).tolist()
        return AuRequest(file, worded(prompt, self.word), seed, tuple(vector), about)


@dataclass(frozen=True)
class Wanted:
    """A picture and what it should show.

    Attributes:
        request: how it is drawn.
        person: whose pictures are drawn again together by the bootstrap.
        asked: intensity by unit.
        present: whether a unit should be present; one that is missing was asked for neither way.
        unit: of a sweep; None of a whole face.
        noise: what it began with: pictures of a sweep that share it differ in what was asked for alone.
    """

    request: AuRequest
    person: str
    asked: Mapping[int, float] = field(default_factory=dict)
    present: Mapping[int, bool] = field(default_factory=dict)
    unit: int | None = None
    noise: str = ""

    @property
    def level(self) -> float:
        """How much of the unit of a sweep is asked for."""
        return next(iter(self.asked.values()))


def sweeps(
    speech: Speech, prompts: Sequence[str], units: Sequence[int], levels: Sequence[float], seeds: Sequence[int]
) -> list[Wanted]:
    """Every unit by itself at every level, of every prompt, from the same noises."""
    found = []
    for unit in units:
        for place, prompt in enumerate(prompts):
            for seed in seeds:
                who = prompt if len(prompts) > 1 else f"noise {seed}"
                for level in levels:
                    file = f"sweep/AU{unit}/{place:03d}-{seed:05d}-{level:g}.png"
                    request = speech.request(file, prompt, seed, [Asked(unit, level)], person=who)
                    present = {unit: level > NEUTRAL} if level == NEUTRAL or level >= PRESENT_FROM else {}
                    found.append(Wanted(request, who, {unit: level}, present, unit, f"{who}/{seed}"))
    return found


@dataclass(frozen=True)
class RealFace:
    """A labelled photo.

    Attributes:
        path: the photo.
        person: who it shows.
        asked: intensity by unit, of the known ones.
        present: whether the label says that a unit is present, of the known ones.
    """

    path: Path
    person: str
    asked: Mapping[int, float]
    present: Mapping[int, bool]


def real_faces(folder: Path, units: Sequence[int], count: int | None = None, seed: int = 42) -> list[RealFace]:
    """The labelled photos of a folder that `prepare au` made, or ``count`` of them drawn by ``seed``.

    A unit that is known to be there but not how strong counts as 3.

    Raises:
        FileNotFoundError: the folder was not prepared.
    """
    if not (folder / TABLE).is_file():
        raise FileNotFoundError(f"{folder} holds no {TABLE}: make it with `python -m ldm prepare au`")
    with np.load(folder / TABLE) as table:
        paths, known = [str(path) for path in table["paths"]], [int(unit) for unit in table["units"]]
        grades, there = intensities_of(table, units), np.asarray(table["occurrence"])
    order = np.random.default_rng(seed).permutation(len(paths))[:count]
    faces = []
    for row in sorted(order.tolist()):
        column = {unit: there[row, known.index(unit)] for unit in units if unit in known}
        asked = {
            unit: float(grades[row, place]) for place, unit in enumerate(units) if not np.isnan(grades[row, place])
        }
        present = {unit: bool(value) for unit, value in column.items() if not np.isnan(value)}
        faces.append(RealFace(folder / paths[row], Path(paths[row]).parts[0], asked, present))
    return faces


def as_real(speech: Speech, prompts: Sequence[str], faces: Sequence[RealFace]) -> list[Wanted]:
    """A picture for each real face, asked to do the same: a vector tells all that is known, words what is present."""
    found = []
    for place, face in enumerate(faces):
        said = (
            face.asked if speech.mode is None else {u: face.asked.get(u, 3.0) for u, own in face.present.items() if own}
        )
        asked = [Asked(unit, level) for unit, level in said.items()]
        file = f"as_real/{face.person}-{face.path.stem}.png"
        request = speech.request(file, prompts[place % len(prompts)], zlib.crc32(file.encode()), asked)
        found.append(Wanted(request, face.person, face.asked, face.present))
    return found
