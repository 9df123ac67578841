"""How well a face does what it is asked to: agreement of two codings, and the response to a rising dose.

Intensities go from 0 to 5. An unknown one is NaN and is left out. A picture in which no face is found is not left out,
which would reward drawing none: :func:`against` makes it the opposite of what was asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation import bootstrap
from evaluation.bootstrap import Interval, over_people

MAX_INTENSITY = 5.0
REPLICATES = 1000

Values = NDArray[np.float64]
Marks = NDArray[np.bool_]


def against(asked: Values, measured: Values) -> Values:
    """``measured`` (N,), with the opposite of ``asked``, 5 - asked, where it is NaN because no face was found."""
    return np.where(np.isnan(measured), MAX_INTENSITY - asked, measured)


def f1(true: Marks, said: Marks) -> float:
    """2 TP / (2 TP + FP + FN); 0 where there is neither a true nor a said one."""
    hit, wrong = int((true & said).sum()), int((true ^ said).sum())
    return 2 * hit / (2 * hit + wrong) if hit else 0.0


def always_f1(true: Marks) -> float:
    """The F1 of somebody who says "present" to every picture: what a detector has to beat."""
    return f1(true, np.ones_like(true))


def skew_f1(true: Marks, said: Marks) -> float:
    """F1 as it would be if half of the pictures were true ones; NaN without both kinds.

    Source: Jeni, Cohn and De la Torre 2013, "Facing imbalanced data", section III: false alarms weigh by the skew.
    """
    if true.all() or not true.any():
        return float("nan")
    hit, alarm = float(said[true].mean()), float(said[~true].mean())
    return 2 * hit / (1 + hit + alarm)


def auc(true: Marks, scores: Values) -> float:
    """Chance that a true one scores higher than another, ties counting half; NaN without both kinds."""
    if true.all() or not true.any():
        return float("nan")
    return bootstrap.auc(scores[true], scores[~true])


def icc(ratings: ArrayLike) -> float:
    """ICC(3,1), consistency of K raters over N targets, of ``ratings`` (N, K); NaN where nothing varies.

    Source: Shrout and Fleiss 1979, "Intraclass correlations": (BMS - EMS) / (BMS + (k - 1) EMS).
    """
    table = np.asarray(ratings, np.float64)
    n, k = table.shape
    if n < 2 or k < 2:
        return float("nan")
    mean, rows, columns = table.mean(), table.mean(1), table.mean(0)
    between = k * ((rows - mean) ** 2).sum() / (n - 1)
    rest = ((table - rows[:, None] - columns + mean) ** 2).sum() / ((n - 1) * (k - 1))
    total = between + (k - 1) * rest
    return float((between - rest) / total) if total > 1e-12 else float("nan")


def pearson(one: Values, other: Values) -> float:
    """Linear correlation; NaN where one of the two does not vary."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def spearman(one: Values, other: Values) -> float:
    """Correlation of the ranks, ties at their mean rank; 0 where ``other`` is the same everywhere: no response."""
    if np.ptp(other) == 0:
        return 0.0
    from scipy.stats import rankdata

    return pearson(rankdata(one), rankdata(other))


def slope(asked: Values, measured: Values) -> float:
    """Least-squares rise of what is measured for each point asked for; NaN where only one level was asked for."""
    deviation = asked - asked.mean()
    power = float((deviation**2).sum())
    return float((deviation * measured).sum() / power) if power > 0 else float("nan")


def monotonicity(asked: Values, measured: Values, noise: ArrayLike) -> float:
    """Of all pairs from the same noise, the share in which the one asked for more has more; ties count half.

    .5 for a model that does not listen; NaN without a pair.

    Args:
        asked: (N,) intensities.
        measured: (N,) intensities.
        noise: (N,) what a picture began with: only pictures with the same are compared.
    """
    begun = np.asarray(noise)
    pairs = (begun[:, None] == begun) & (asked[:, None] > asked)
    if not pairs.any():
        return float("nan")
    risen = np.sign(measured[:, None] - measured)[pairs]
    return float((risen.mean() + 1) / 2)


def leak(first: Values, last: Values) -> float:
    """Mean absolute change, in points, of the units not asked for, between (N, U) readings of two levels; NaN is left
    out: a unit that was asked for, or a picture without a face."""
    change = np.abs(last - first)
    return float(np.nanmean(change)) if np.isfinite(change).any() else float("nan")


@dataclass(frozen=True)
class Agreement:
    """How one unit came out beside what was asked for.

    Attributes:
        pictures: in which something was asked of it.
        rate: share in which it should be present.
        f1: of presence, with its interval.
        always: F1 of saying "present" always.
        skew_f1: F1 at equal shares.
        auc: of the measured intensity against presence.
        icc: ICC(3,1) of the intensities.
        pearson: their linear correlation.
    """

    pictures: int
    rate: float
    f1: Interval
    always: float
    skew_f1: Interval
    auc: Interval
    icc: Interval
    pearson: Interval


def agreement(
    there: Values, asked: Values, measured: Values, people: ArrayLike, present_from: float, replicates: int = REPLICATES
) -> Agreement:
    """Agreement of what was asked for with what was measured, with intervals over people.

    Args:
        there: (N,) 1 present, 0 absent, NaN neither was asked for.
        asked: (N,) intensities, NaN where none was asked for.
        measured: (N,) intensities, NaN without a face.
        people: (N,) who is on each picture.
        present_from: the measured intensity from which on the unit counts as present.
        replicates: of the bootstrap.

    Raises:
        ValueError: nothing was asked of the unit.
    """
    known = ~np.isnan(there)
    if not known.any():
        raise ValueError("nothing was asked of this unit: no picture has it as present or absent")
    true = there[known] > 0.5
    wrong = np.where(true, 0.0, MAX_INTENSITY)
    scores = np.where(np.isnan(measured[known]), wrong, measured[known])
    said, who = scores >= present_from, np.asarray(people)[known]
    graded = ~np.isnan(asked)
    both = np.stack([asked[graded], against(asked[graded], measured[graded])], 1)

    def over(statistic: Callable[[NDArray[np.int64]], float], whose: NDArray[np.generic]) -> Interval:
        return over_people(whose, statistic, replicates)

    return Agreement(
        pictures=int(known.sum()),
        rate=float(true.mean()),
        f1=over(lambda at: f1(true[at], said[at]), who),
        always=always_f1(true),
        skew_f1=over(lambda at: skew_f1(true[at], said[at]), who),
        auc=over(lambda at: auc(true[at], scores[at]), who),
        icc=over(lambda at: icc(both[at]), np.asarray(people)[graded]),
        pearson=over(lambda at: pearson(both[at, 0], both[at, 1]), np.asarray(people)[graded]),
    )


@dataclass(frozen=True)
class Dose:
    """How one unit answers a rising dose: means over people, each of their own pictures.

    Attributes:
        spearman: rank correlation of asked and measured.
        slope: measured points for each point asked for; 1 is perfect.
        monotonicity: see :func:`monotonicity`; 1 is perfect, .5 deaf.
    """

    spearman: Interval
    slope: Interval
    monotonicity: Interval


def dose(
    asked: Values, measured: Values, people: ArrayLike, noise: ArrayLike, replicates: int = bootstrap.REPLICATES
) -> Dose:
    """The response of one unit in a sweep: (N,) each; ``noise`` says which pictures began alike.

    Raises:
        ValueError: everybody was asked for one level only.
    """
    values, who, begun = against(asked, measured), np.asarray(people), np.asarray(noise)
    own = [who == person for person in dict.fromkeys(who.tolist())]
    own = [mask for mask in own if np.ptp(asked[mask]) > 0]
    if not own:
        raise ValueError("a response needs at least two levels asked of one person")
    return Dose(
        bootstrap.bootstrap_mean([spearman(asked[m], values[m]) for m in own], replicates),
        bootstrap.bootstrap_mean([slope(asked[m], values[m]) for m in own], replicates),
        bootstrap.bootstrap_mean([monotonicity(asked[m], values[m], begun[m]) for m in own], replicates),
    )
