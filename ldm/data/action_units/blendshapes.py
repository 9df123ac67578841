"""From what is measured to action units: which blendshapes say what, and from where on a unit counts as present."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FULL = 0.99
"""The score that only 1 % of the calibration pictures exceed counts as the maximum, intensity 5."""


@dataclass(frozen=True)
class Source:
    """Which measured numbers tell of a unit: blendshapes, or a probability of py-feat's.

    Attributes:
        names: their mean counts; of pairs, both sides.
        weak: MediaPipe's network hardly moves them (a few thousandths at most): they rank pictures, badly.
        at: from here on a unit is present where no labels say better; None: a share of the pictures has it.
    """

    names: tuple[str, ...]
    weak: bool = False
    at: float | None = None


def _pair(name: str) -> tuple[str, str]:
    return f"{name}Left", f"{name}Right"


TABLE: Mapping[int, Source] = {
    1: Source(("browInnerUp",)),
    2: Source(_pair("browOuterUp")),
    4: Source(_pair("browDown")),
    5: Source(_pair("eyeWide")),
    6: Source(_pair("cheekSquint"), weak=True),
    7: Source(_pair("eyeSquint")),
    9: Source(_pair("noseSneer"), weak=True),
    10: Source(_pair("mouthUpperUp")),
    12: Source(_pair("mouthSmile")),
    14: Source(_pair("mouthDimple")),
    15: Source(_pair("mouthFrown")),
    16: Source(_pair("mouthLowerDown")),
    17: Source(("mouthShrugLower",)),
    18: Source(("mouthPucker",)),
    20: Source(_pair("mouthStretch")),
    22: Source(("mouthFunnel",)),
    24: Source(_pair("mouthPress")),
    25: Source(("jawOpen", *_pair("mouthLowerDown"), *_pair("mouthUpperUp"))),
    26: Source(("jawOpen",)),
    28: Source(("mouthRollLower", "mouthRollUpper")),
    43: Source(_pair("eyeBlink"), at=0.5),  # lids that are more than half down
}
"""ARKit's blendshapes are named after what they move, most of them one unit each (their documentation and FACS)."""


PYFEAT: Mapping[int, Source] = {
    unit: Source((f"AU{unit:02d}",), at=0.5)
    for unit in (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)
}
"""The units that py-feat's classifiers tell, each by a probability (its ``AU_LANDMARK_MAP``)."""

TABLES: Mapping[str, Mapping[int, Source]] = {"blendshapes": TABLE, "py-feat": PYFEAT}
"""By who measures."""


def unit_scores(measured: Mapping[str, float], table: Mapping[int, Source] = TABLE) -> dict[int, float]:
    """How strong each unit of ``table`` is, 0 to 1, by the mean of what tells of it."""
    return {unit: sum(measured[name] for name in one.names) / len(one.names) for unit, one in table.items()}


@dataclass(frozen=True)
class Threshold:
    """From where on a unit is present.

    Attributes:
        at: the lowest score of a present one.
        full: the score of intensity 5.
        how: ``labels`` (the best balanced accuracy against people's labels), ``rate`` (a share of the pictures) or
            ``table`` (what the table of blendshapes says).
    """

    at: float
    full: float
    how: str

    def present(self, score: float) -> bool:
        """Whether a unit with this score is present."""
        return score >= self.at

    def intensity(self, score: float) -> float:
        """0 to 5, a fifth of the way for each fifth of ``full``."""
        return round(5 * min(1.0, score / self.full), 2) if self.full > 0 else 0.0


def by_labels(scores: Sequence[float], truth: Sequence[bool]) -> Threshold:
    """The threshold with the best balanced accuracy (Youden's J) on a calibration split.

    Raises:
        ValueError: all labels are alike.
    """
    values, there = np.asarray(scores, np.float64), np.asarray(truth, bool)
    if there.all() or not there.any():
        raise ValueError("a threshold needs pictures with and without the unit; all labels are alike")
    from sklearn.metrics import roc_curve

    false, true, at = roc_curve(there, values, drop_intermediate=False)
    best = int(np.argmax(true[1:] - false[1:])) + 1  # the first one is infinite
    return Threshold(float(at[best]), _full(values), "labels")


def by_rate(scores: Sequence[float], rate: float) -> Threshold:
    """The threshold at which ``rate`` of a calibration split counts as present."""
    values = np.asarray(scores, np.float64)
    return Threshold(float(np.quantile(values, 1 - rate, method="higher")), _full(values), "rate")


def by_table(scores: Sequence[float], at: float) -> Threshold:
    """The threshold ``at``, and the full score of a calibration split."""
    return Threshold(at, max(at, _full(np.asarray(scores, np.float64))), "table")


def _full(values: NDArray[np.float64]) -> float:
    return float(np.quantile(values, FULL, method="higher"))


def is_calibration(subject: str, share: float) -> bool:
    """Whether a subject belongs to the calibration split: by a hash of the name, so whole people, always the same."""
    from ldm.randomness import generator

    return math.floor(generator(0, "calibration", subject).initial_seed() % 10_000) < share * 10_000
