"""The figures of the DreamBooth with action units: which faces they ask for."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from ldm.data.action_units.asked import au_prompt, parse_sweep
from ldm.data.action_units.captions import VIEW, CaptionMode
from ldm.data.action_units.facs import BP4D, FACS, Asked

ETHNICITIES = ("Asian", "African", "European", "Hispanic")
GENDERS = ("female", "male")
STRENGTH = 3.0


@dataclass(frozen=True)
class Cell:
    """One picture of a figure: whom it shows, and what the face does."""

    who: str
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A table of pictures.

    Attributes:
        rows: by its label, the pictures of a row.
        mode: how prompts say what the face does.
        moving: whether the pictures of a row follow each other, and make a GIF.
    """

    rows: Mapping[str, tuple[Cell, ...]]
    mode: CaptionMode
    moving: bool = False

    @property
    def cells(self) -> list[Cell]:
        """All, row after row."""
        return [cell for row in self.rows.values() for cell in row]

    @property
    def prompts(self) -> list[str]:
        """What each picture is asked for by, in words."""
        return [au_prompt(cell.who, cell.asked, self.mode) for cell in self.cells]


def description(ethnicity: str, gender: str, age: str = "young") -> str:
    """``Asian,female,close-up,whole-face,front-face,young``."""
    return ",".join([ethnicity, gender, *VIEW, age])


def person_by_units(person: str | None, unit: str, mode: CaptionMode) -> Figure:
    """One person and the twelve action units of BP4D, one at a time; ``unit`` is not looked at."""
    who = person or description("European-African", "female")
    rows = {f"AU{number} {FACS[number].name.lower()}": (Cell(who, (Asked(number, STRENGTH),)),) for number in BP4D}
    return Figure({"neutral": (Cell(who),), **rows}, mode)


def unit_by_people(person: str | None, unit: str, mode: CaptionMode) -> Figure:
    """One action unit on women and men of four groups; ``person`` is not looked at."""
    asked = (parse_sweep(f"{unit}=0..{STRENGTH:g}")[-1],)
    rows = {
        gender: tuple(Cell(description(ethnicity, gender), asked) for ethnicity in ETHNICITIES) for gender in GENDERS
    }
    return Figure(rows, mode)


def mixtures(person: str | None, unit: str, mode: CaptionMode) -> Figure:
    """People between any two of four groups, women and men; ``person`` and ``unit`` are not looked at."""
    pairs = [f"{one}-{other}" for one, other in combinations(ETHNICITIES, 2)]
    rows = {gender: tuple(Cell(description(pair, gender)) for pair in pairs) for gender in GENDERS}
    return Figure(rows, mode)


def sweep(person: str | None, unit: str, mode: CaptionMode) -> Figure:
    """One person and one action unit from absent to as strong as can be."""
    who = person or description("European", "female")
    return Figure({f"AU{unit}": tuple(Cell(who, (one,)) for one in parse_sweep(f"{unit}=0..5"))}, mode, moving=True)


def of_units(figure: Figure, units: Collection[int]) -> Figure:
    """``figure`` without the rows that ask for another unit than ``units``; whole, where no row that asks is left."""
    rows = {
        label: row for label, row in figure.rows.items() if all(one.unit in units for cell in row for one in cell.asked)
    }
    left = any(cell.asked for row in rows.values() for cell in row)
    return replace(figure, rows=rows) if left else figure


FIGURES: Mapping[str, Callable[[str | None, str, CaptionMode], Figure]] = {
    "person-by-units": person_by_units,
    "unit-by-people": unit_by_people,
    "mixtures": mixtures,
    "sweep": sweep,
}
