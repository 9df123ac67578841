"""From cells to numbers: one for each person, averaged over seeds; intervals over people and seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import REPLICATES, SEED, Interval
from evaluation.studies.methods.arms import Arm
from evaluation.studies.methods.cells import Cell, Cells

Values = NDArray[np.float64]
MEASURES: Mapping[str, Callable[[Cell], float]] = {
    "identity": lambda cell: float(np.mean(cell.identity)),
    "obedience": lambda cell: float(np.mean(list(cell.obedience.values()) or [np.nan])),
    "sharpness": lambda cell: np.nan if cell.sharpness is None else cell.sharpness,
    "diversity": lambda cell: cell.diversity,
    "detected": lambda cell: cell.detected,
    "class identity": lambda cell: float(np.mean(cell.class_identity)),
    "class distance": lambda cell: cell.class_distance,
    "seconds": lambda cell: cell.seconds,
}


@dataclass(frozen=True)
class Result:
    """One arm after some steps.

    Attributes:
        arm: which.
        steps: after how many.
        cells: (people, seeds) of them.
    """

    arm: Arm
    steps: int
    cells: Sequence[Sequence[Cell]]

    @property
    def name(self) -> str:
        """Arm and steps in words."""
        return self.arm.key if self.arm.config is None else f"{self.arm.key}, {self.steps} steps"

    @property
    def trained(self) -> int:
        """Numbers that are trained."""
        return self.cells[0][0].trained

    def values(self, measure: str) -> Values:
        """(people, seeds) of a measure."""
        return np.array([[MEASURES[measure](cell) for cell in own] for own in self.cells], np.float64)

    def interval(self, measure: str) -> Interval:
        """The mean and its 95 % interval."""
        return two_way(self.values(measure))

    def less(self, other: "Result", measure: str) -> Interval:
        """A measure less that of another arm, cell by cell where the seeds are the same, else by people."""
        one, two = self.values(measure), other.values(measure)
        return two_way(one - (two if one.shape == two.shape else two.mean(1, keepdims=True)))


def two_way(values: Values, replicates: int = REPLICATES, seed: int = SEED) -> Interval:
    """Mean of ``values`` (people, seeds) and its 95 % interval: people are resampled, and seeds within each person.

    Cells that are not a number (nothing to measure) are left out.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return Interval(np.nan, np.nan, np.nan, len(values))
    draws = np.random.default_rng(seed)
    people, seeds = values.shape
    who = draws.integers(people, size=(replicates, people))[..., None]
    which = draws.integers(seeds, size=(replicates, people, seeds))
    counts = finite[who, which].sum((1, 2))
    sums = np.where(finite, values, 0.0)[who, which].sum((1, 2))
    low, high = np.quantile(sums[counts > 0] / counts[counts > 0], [0.025, 0.975])
    return Interval(float(values[finite].mean()), float(low), float(high), people)


def read_results(cells: Cells, arms: Sequence[Arm], people: Sequence[str], seeds: Sequence[int]) -> list[Result]:
    """All that was seen, arm by arm and look by look."""
    found = []
    for arm in arms:
        own = seeds if arm.config is not None else seeds[:1]
        for steps in arm.looks:
            found.append(Result(arm, steps, [[cells.read(arm.key, who, s, steps) for s in own] for who in people]))
    return found


def word(difference: Interval) -> str:
    """What a difference says, by its interval; that of one person says nothing."""
    if difference.n < 2:
        return "not told apart"
    if difference.low > 0:
        return "more"
    return "less" if difference.high < 0 else "not told apart"


def shown(one: Interval, sign: bool = False) -> str:
    """An interval as text."""
    form = "{:+.3f} ({:+.3f} to {:+.3f})" if sign else "{:.3f} ({:.3f} to {:.3f})"
    return "–" if np.isnan(one.value) else form.format(one.value, one.low, one.high)
