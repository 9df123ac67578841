"""What a recogniser is trained on: five mixtures, all for the same number of steps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.au_metrics import auc, f1, skew_f1
from evaluation.bootstrap import Interval, over_people
from evaluation.studies.synthetic_gain.recogniser import Faces, Labels

Logits = NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """One mixture.

    Attributes:
        key: in file names.
        title: in tables.
        real: how often every real picture is in it.
        synthetic: whether the drawn ones are.
        vary: whether pictures are shifted, zoomed, brightened and softened too.
    """

    key: str
    title: str
    real: int = 1
    synthetic: bool = False
    vary: bool = False

    def faces(self, real: Faces, synthetic: Faces) -> Faces:
        """What is trained on."""
        own = real.take(np.tile(np.arange(len(real)), self.real)) if self.real else None
        if not self.synthetic:
            assert own is not None  # an arm has one of the two
            return own
        return synthetic if own is None else own.join(synthetic)


REAL = Arm("real", "real")
BOTH = Arm("both", "real and synthetic", synthetic=True)
ARMS = (
    REAL,
    Arm("twice", "real, every picture twice", real=2),
    Arm("varied", "real, varied", vary=True),
    Arm("synthetic", "synthetic alone", real=0, synthetic=True),
    BOTH,
)


@dataclass(frozen=True)
class Told:
    """What the recognisers of one arm say of the test pictures.

    Attributes:
        logits: by seed, (N, U).
    """

    logits: Mapping[int, Logits]

    def score(self, labels: Labels, places: NDArray[np.int64], measure: str) -> NDArray[np.float64]:
        """(U,) F1, skew F1 or AUC of each unit on some of the pictures, mean over the seeds; NaN without both kinds."""
        found = np.full((len(self.logits), labels.shape[1]), np.nan)
        for row, own in enumerate(self.logits.values()):
            for unit in range(labels.shape[1]):
                truth = labels[places, unit]
                known = ~np.isnan(truth)
                true, logits = truth[known] > 0.5, own[places, unit][known]
                if known.any() and true.any() and not true.all():
                    found[row, unit] = _score(true, logits, measure)
        return np.asarray(found.mean(0))


def _score(true: NDArray[np.bool_], logits: Logits, measure: str) -> float:
    if measure == "AUC":
        return auc(true, logits)
    return {"F1": f1, "skew F1": skew_f1}[measure](true, logits > 0)


def mean_score(told: Told, labels: Labels, people: NDArray[np.str_], measure: str, replicates: int = 400) -> Interval:
    """Mean over units and seeds, with its interval over test people."""
    return over_people(people, lambda at: _mean(told.score(labels, at, measure)), replicates)


def gain(
    one: Told, other: Told, labels: Labels, people: NDArray[np.str_], measure: str, replicates: int = 400
) -> Interval:
    """Mean over units of ``one`` less ``other``, the same people drawn again in both."""

    def difference(at: NDArray[np.int64]) -> float:
        return _mean(one.score(labels, at, measure) - other.score(labels, at, measure))

    return over_people(people, difference, replicates)


def _mean(values: NDArray[np.float64]) -> float:
    """Mean over the units that have a score; NaN without any."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")


def verdict(against_real: Interval, against_controls: Mapping[str, Interval]) -> str:
    """What the differences in mean F1 of real and synthetic say, in words that follow from the intervals."""
    better = against_real.low > 0
    held = [name for name, one in against_controls.items() if one.low <= 0]
    if better and not held:
        return (
            "**Synthetic faces help**: real and synthetic together beat real pictures alone, and both controls, by "
            "intervals that exclude 0."
        )
    if better:
        return (
            "**Not shown**: real and synthetic together beat real pictures alone, but not "
            f"{' and not '.join(held)}: what was gained may come from that."
        )
    if against_real.high < 0:
        return "**Synthetic faces harm**: real and synthetic together are worse than real pictures alone."
    return "**Not shown**: real and synthetic together are not told apart from real pictures alone."
