"""What came out of the study of synthetic faces: tables, differences and a verdict that follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from evaluation.bootstrap import Interval
from evaluation.report import shown
from evaluation.studies.action_units.readers import BY_PEOPLE
from evaluation.studies.document import markdown_table
from evaluation.studies.methods.results import shown as told
from evaluation.studies.synthetic_gain.arms import ARMS, BOTH, REAL, Told, gain, mean_score, verdict
from evaluation.studies.synthetic_gain.recogniser import Faces

MEASURES = ("F1", "skew F1", "AUC")
COMPARED = ("F1", "AUC")
CONTROLS = ("twice", "varied")
SEEDS = 3
"""Fewer say little of how much a network's start decides."""
TITLES = {arm.key: arm.title for arm in ARMS}


@dataclass(frozen=True)
class Found:
    """What the recognisers said.

    Attributes:
        told: by arm.
        test: the pictures they were asked about.
        units: that were told apart.
        by_people: whether AU12 and AU25 are labelled by people.
        replicates: of the bootstrap.
    """

    told: Mapping[str, Told]
    test: Faces
    units: Sequence[int]
    by_people: bool
    replicates: int = 400

    @cached_property
    def means(self) -> dict[str, dict[str, Interval]]:
        """By arm and measure, over units and seeds."""
        test, count = self.test, self.replicates
        return {
            key: {m: mean_score(own, test.labels, test.people, m, count) for m in MEASURES}
            for key, own in self.told.items()
        }

    @cached_property
    def gains(self) -> dict[str, dict[str, Interval]]:
        """Real and synthetic together less each other arm."""
        test, both, count = self.test, self.told[BOTH.key], self.replicates
        return {
            key: {m: gain(both, own, test.labels, test.people, m, count) for m in COMPARED}
            for key, own in self.told.items()
            if key != BOTH.key
        }

    @cached_property
    def by_unit(self) -> dict[str, np.ndarray]:
        """By arm, (U,) F1 of each unit."""
        every = np.arange(len(self.test))
        return {key: own.score(self.test.labels, every, "F1") for key, own in self.told.items()}

    @property
    def verdict(self) -> str:
        """In words; none of fewer seeds than three."""
        if (seeds := len(self.told[REAL.key].logits)) < SEEDS:
            return f"**No verdict**: {seeds} of at least {SEEDS} seeds."
        return verdict(self.gains[REAL.key]["F1"], {TITLES[key]: self.gains[key]["F1"] for key in CONTROLS})

    @property
    def numbers(self) -> dict[str, Any]:
        """As JSON takes them."""
        return {
            "verdict": self.verdict,
            "means": {key: {m: vars(one) for m, one in own.items()} for key, own in self.means.items()},
            "gains": {key: {m: vars(one) for m, one in own.items()} for key, own in self.gains.items()},
            "units": {
                f"AU{unit}": {key: _number(own[i]) for key, own in self.by_unit.items()}
                for i, unit in enumerate(self.units)
            },
        }


def section(found: Found, intro: str) -> str:
    """The section of docs/studies/action_units.md."""
    rows = []
    for key, own in found.means.items():
        less = [told(found.gains[key][m]) if key in found.gains else "" for m in COMPARED]
        rows.append([TITLES[key], *(told(own[m]) for m in MEASURES), *less])
    head = ["trained on", *(f"mean {m}" for m in MEASURES), "real and synthetic less this: F1", "AUC"]
    rates = [_rate(found.test, i) for i in range(len(found.units))]
    unit_rows = [
        [f"AU{unit}", _labeller(found, unit), rates[i], *(_shown(found.by_unit[key][i]) for key in found.told)]
        for i, unit in enumerate(found.units)
    ]
    unit_head = ["unit", "labelled by", "present", *(TITLES[key] for key in found.told)]
    return f"""{intro}

{found.verdict}

{markdown_table(head, rows)}

Means over units and seeds; 95 %, bootstrap over test people, the same people drawn in both arms of a difference. Every
picture is mirrored at random in every arm; in `real, varied` it is shifted, zoomed, brightened and softened too.

F1 by unit, above the threshold that weighs both kinds alike:

{markdown_table(unit_head, unit_rows)}"""


def _labeller(found: Found, unit: int) -> str:
    return "people" if found.by_people and unit in BY_PEOPLE else "blendshapes"


def _rate(test: Faces, place: int) -> str:
    known = test.labels[:, place][~np.isnan(test.labels[:, place])]
    return f"{known.mean():.2f}" if len(known) else "–"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _shown(value: float) -> str:
    return shown(None if np.isnan(value) else float(value))
