"""The figures of the DreamBooth with action units: which prompts make them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

from ldm.data.action_units.asked import au_prompt, parse_sweep
from ldm.data.action_units.captions import VIEW, CaptionMode
from ldm.data.action_units.facs import BP4D, FACS, Asked

ETHNICITIES = ("Asian", "African", "European", "Hispanic")
GENDERS = ("female", "male")
STRENGTH = 3.0


@dataclass(frozen=True)
class Figure:
    """A table of prompts.

    Attributes:
        rows: by its label, the prompts of a row.
        moving: whether the pictures of a row follow each other, and make a GIF.
    """

    rows: Mapping[str, tuple[str, ...]]
    moving: bool = False

    @property
    def prompts(self) -> list[str]:
        """All, row after row."""
        return [prompt for row in self.rows.values() for prompt in row]


def description(ethnicity: str, gender: str, age: str = "young") -> str:
    """``Asian,female,close-up,whole-face,front-face,young``."""
    return ",".join([ethnicity, gender, *VIEW, age])


def person_by_units(person: str | None, unit: str, mode: CaptionMode) -> Figure:
    """One person and the twelve action units of BP4D, one at a time; ``unit`` is not looked at."""
    who = person or description("European-African", "female")
    rows = {
        f"AU{number} {FACS[number].name.lower()}": (au_prompt(who, [Asked(number, STRENGTH)], mode),) for number in BP4D
    }
    return Figure({"neutral": (who,), **rows})


def unit_by_people(person: str | None, unit: str, mode: CaptionMode) -> Figure:
    """One action unit on women and men of four groups; ``person`` is not looked at."""
    asked = [parse_sweep(f"{unit}=0..{STRENGTH:g}")[-1]]
    return Figure(
        {
            gender: tuple(au_prompt(description(ethnicity, gender), asked, mode) for ethnicity in ETHNICITIES)
            for gender in GENDERS
        }
    )


def mixtures(person: str | None, unit: str, mode: CaptionMode) -> Figure:
    """People between any two of four groups, women and men; ``person`` and ``unit`` are not looked at."""
    pairs = [f"{one}-{other}" for one, other in combinations(ETHNICITIES, 2)]
    return Figure({gender: tuple(description(pair, gender) for pair in pairs) for gender in GENDERS})


def sweep(person: str | None, unit: str, mode: CaptionMode) -> Figure:
    """One person and one action unit from absent to as strong as can be."""
    who = person or description("European", "female")
    return Figure({f"AU{unit}": tuple(au_prompt(who, [one], mode) for one in parse_sweep(f"{unit}=0..5"))}, moving=True)


FIGURES: Mapping[str, Callable[[str | None, str, CaptionMode], Figure]] = {
    "person-by-units": person_by_units,
    "unit-by-people": unit_by_people,
    "mixtures": mixtures,
    "sweep": sweep,
}
