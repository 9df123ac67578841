"""Judge against judge on the same pictures: do they put them in the same order?"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from evaluation.bootstrap import over_people

Values = NDArray[np.float64]
REPLICATES = 1000
LEAST = 3
"""Pictures that a rank correlation needs."""
COLUMNS = ("judges", "scores", "rank correlation", "low", "high", "within a person", "same word on faces")
NOTE = (
    "rank correlation: Spearman, over the scores for which both judges find a face. low, high: 95 %, bootstrap over "
    "people. within a person: mean over people of the rank correlation among one person's pictures, which does not "
    "profit from some people being easier than others. same word on faces: share of scores in which both find a face "
    "or neither does."
)


@dataclass(frozen=True)
class Scored:
    """A person in a picture: the cosine that each judge gives; NaN where it finds no face."""

    person: str
    cosines: Mapping[str, float]


@dataclass(frozen=True)
class Agreement:
    """How far two judges agree.

    Attributes:
        judges: their names.
        scores: for how many both find a face.
        people: of how many people these are.
        rank: Spearman over all of them; None with fewer than three, or where one judge gives all the same.
        low: lower end of its 95 % interval over people; None with one person.
        high: upper end of it.
        within: mean of each person's own rank correlation; None where nobody has three pictures.
        faces: share of scores in which both find a face or neither does.
    """

    judges: tuple[str, str]
    scores: int
    people: int
    rank: float | None
    low: float | None
    high: float | None
    within: float | None
    faces: float

    def row(self) -> list[str | int | float | None]:
        """The cells under :data:`COLUMNS`."""
        return [", ".join(self.judges), self.scores, self.rank, self.low, self.high, self.within, self.faces]


def agreements(scores: Sequence[Scored], replicates: int = REPLICATES) -> list[Agreement]:
    """One for each pair of judges that scored the same pictures.

    Raises:
        ValueError: there are no scores, or fewer than two judges.
    """
    if not scores:
        raise ValueError("no pictures to compare judges on")
    judges = list(dict.fromkeys(name for one in scores for name in one.cosines))
    if len(judges) < 2:
        raise ValueError(f"one judge alone ({judges[0]}) cannot agree: score the pictures by two, --judge twice")
    return [_agreement(pair, scores, replicates) for pair in itertools.combinations(judges, 2)]


def _agreement(judges: tuple[str, str], scores: Sequence[Scored], replicates: int) -> Agreement:
    shared = [one for one in scores if all(name in one.cosines for name in judges)]
    pairs = np.array([[one.cosines[name] for name in judges] for one in shared], np.float64).reshape(-1, 2)
    there = ~np.isnan(pairs)
    seen = there.all(1)
    both, who = pairs[seen], np.array([one.person for one in shared])[seen]
    people = list(dict.fromkeys(who.tolist()))
    within = [value for person in people if (value := rank_correlation(both[who == person])) is not None]
    low, high = _interval(both, who.tolist(), replicates)
    return Agreement(
        judges,
        scores=int(seen.sum()),
        people=len(people),
        rank=rank_correlation(both),
        low=low,
        high=high,
        within=float(np.mean(within)) if within else None,
        faces=float((there[:, 0] == there[:, 1]).mean()) if len(shared) else 0.0,
    )


def rank_correlation(pairs: Values) -> float | None:
    """Spearman of (N, 2); None with fewer than three rows, or where a column does not vary."""
    if len(pairs) < LEAST or not (np.ptp(pairs, axis=0) > 0).all():
        return None
    return float(spearmanr(pairs).statistic)


def _interval(pairs: Values, people: Sequence[str], replicates: int) -> tuple[float | None, float | None]:
    """95 % interval of the rank correlation, people resampled; None with one person, or where there is none."""
    if len(set(people)) < 2:
        return None, None

    def over(places: NDArray[np.int64]) -> float:
        value = rank_correlation(pairs[places])
        return float("nan") if value is None else value

    found = over_people(people, over, replicates)
    return (None, None) if np.isnan(found.low) else (found.low, found.high)
