"""How sure a number is: percentile bootstrap over people, and the area under the ROC curve."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

REPLICATES = 10_000
SEED = 42
LEVEL = 0.95
CHUNK = 250
"""Replicates handled at once for an AUC, which holds CHUNK x N x N numbers."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its percentile interval.

    Attributes:
        value: the estimate from all the data.
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
        n: how many units (people, or pictures where it says so) were resampled.
    """

    value: float
    low: float
    high: float
    n: int

    def above(self, threshold: float) -> bool:
        """Whether the whole interval lies above ``threshold``."""
        return self.low > threshold


def bootstrap_mean(values: ArrayLike, replicates: int = REPLICATES, seed: int = SEED) -> Interval:
    """Mean of one value per unit with its 95 % percentile interval.

    Resample people, not pictures: give each person's mean. Pictures of one person are not independent.

    Raises:
        ValueError: no values, or one of them is not a number.
    """
    array = _checked(values)
    means = np.concatenate([counts @ array / array.size for counts in _resamples(array.size, replicates, seed)])
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(array.mean()), float(low), float(high), array.size)


def over_people(
    people: NDArray[np.generic] | Sequence[str],
    statistic: Callable[[NDArray[np.int64]], float],
    replicates: int = 1000,
    seed: int = SEED,
) -> Interval:
    """A statistic of pictures, given by their places, with its interval when whole people are drawn again.

    Samples in which it does not exist are left out; NaN throughout where it does not exist at all.
    """
    who, place = np.unique(np.asarray(people), return_inverse=True)
    own = [np.flatnonzero(place == number) for number in range(len(who))]
    value = statistic(np.arange(len(place))) if len(place) else float("nan")
    if np.isnan(value):
        return Interval(value, float("nan"), float("nan"), len(who))
    draws = np.random.default_rng(seed)
    again = [
        statistic(np.concatenate([own[i] for i in draws.integers(0, len(own), len(own))])) for _ in range(replicates)
    ]
    there = [one for one in again if not np.isnan(one)]
    low, high = np.quantile(there, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if there else (float("nan"), float("nan"))
    return Interval(value, float(low), float(high), len(who))


def paired_difference(first: ArrayLike, second: ArrayLike, replicates: int = REPLICATES, seed: int = SEED) -> Interval:
    """Mean of ``first - second``, unit by unit, with its 95 % interval.

    Raises:
        ValueError: the two differ in length: they are not pairs.
    """
    a, b = _checked(first), _checked(second)
    if a.size != b.size:
        raise ValueError(f"a paired difference needs pairs: got {a.size} and {b.size} values")
    return bootstrap_mean(a - b, replicates, seed)


def auc(matched: ArrayLike, strangers: ArrayLike) -> float:
    """Probability that a matched score is above a stranger's, ties counting half: the area under the ROC curve.

    Raises:
        ValueError: one of the two is empty or holds something that is not a number.
    """
    a, b = _checked(matched), np.sort(_checked(strangers))
    below = np.searchsorted(b, a, side="left") + np.searchsorted(b, a, side="right")
    return float(below.sum() / (2 * a.size * b.size))


def auc_interval(
    scores: ArrayLike, replicates: int = REPLICATES, seed: int = SEED, strangers: NDArray[np.bool_] | None = None
) -> Interval:
    """AUC of the diagonal of ``scores`` (N, N) against the rest, resampled over people.

    ``scores[i, j]`` compares what was made for person i with a photo of person j, so that the diagonal is matched.
    A resampled person brings their row and their column; a person is never their own stranger.

    Args:
        scores: (N, N).
        replicates: of the bootstrap.
        seed: of the bootstrap.
        strangers: (N, N) which pairs count as strangers, off the diagonal; None takes all.

    Raises:
        ValueError: not a square matrix of at least two people, or no pair of strangers.
    """
    value, drawn = _auc_replicates(scores, replicates, seed, strangers)
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high), len(np.asarray(scores)))


def auc_difference(
    first: ArrayLike,
    second: ArrayLike,
    replicates: int = REPLICATES,
    seed: int = SEED,
    strangers: NDArray[np.bool_] | None = None,
) -> Interval:
    """AUC of ``first`` less that of ``second``, the same people resampled in both; see :func:`auc_interval`.

    Raises:
        ValueError: the two are of different sizes: they are not of the same people.
    """
    if np.shape(first) != np.shape(second):
        raise ValueError(f"a paired difference needs the same people: got {np.shape(first)} and {np.shape(second)}")
    (one, ones), (other, others) = (_auc_replicates(m, replicates, seed, strangers) for m in (first, second))
    low, high = np.nanquantile(ones - others, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(one - other, float(low), float(high), len(np.asarray(first)))


def _auc_replicates(
    scores: ArrayLike, replicates: int, seed: int, strangers: NDArray[np.bool_] | None
) -> tuple[float, Values]:
    """The AUC, and (R,) that of each resample of the people; NaN in one that has no strangers."""
    matrix = np.asarray(scores, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2:
        raise ValueError(f"AUC over people needs a square matrix of at least 2 people, got shape {matrix.shape}")
    _checked(matrix)
    n = matrix.shape[0]
    off = ~np.eye(n, dtype=bool)
    if strangers is not None:
        off &= strangers
    if not off.any():
        raise ValueError("AUC over people needs a pair of strangers: none is left")
    matched, others = np.diag(matrix), matrix[off]
    # wins[i, k]: 1 where matched score i beats stranger pair k, 1/2 on a tie
    wins = (matched[:, None] > others) + 0.5 * (matched[:, None] == others)
    drawn: list[Values] = []
    for counts in _resamples(n, replicates, seed, CHUNK):
        weights = (counts[:, :, None] * counts[:, None, :])[:, off]
        total = counts.sum(1) * weights.sum(1)  # 0 where all draws are the same person: possible for a handful only
        with np.errstate(invalid="ignore"):
            drawn.append(np.einsum("rk,rk->r", counts @ wins, weights) / total)
    return auc(matched, others), np.concatenate(drawn)


def _resamples(n: int, replicates: int, seed: int, chunk: int = 1000) -> Iterator[Values]:
    """How often each of ``n`` units is drawn, in blocks of at most ``chunk`` replicates: (chunk, n)."""
    generator = np.random.default_rng(seed)
    for start in range(0, replicates, chunk):
        size = min(chunk, replicates - start)
        yield generator.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)


def _checked(values: ArrayLike) -> Values:
    """``values`` as a flat float64 array, at least one long and finite."""
    array = np.asarray(values, np.float64).ravel()
    if array.size == 0:
        raise ValueError("no values to average: nothing was scored")
    if not np.isfinite(array).all():
        raise ValueError(f"{int((~np.isfinite(array)).sum())} of {array.size} values are not finite numbers")
    return array
