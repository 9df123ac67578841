"""Which checkpoint is the best: identity times prompt obedience less class drift, and the Pareto list of the three."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from evaluation.judges import Calibration


@dataclass(frozen=True)
class Look:
    """What was seen of one checkpoint, by pictures whose prompts and seeds are the same for all checkpoints.

    Attributes:
        step: of training, counted from 0.
        identity: mean over the people of the cosine of their pictures to their photos; a picture without a face counts
            as the judge's 5th percentile of strangers.
        likeness: the same in other units: 0 is what strangers get, 1 another real photo of the person.
        detected: share of the pictures in which a face was found.
        obedience: how well prompts are obeyed, as a share of what the model reaches for its class before training, 1 at
            most; None where nobody judged it.
        drift: how much nearer to the people faces of the class came, in the units of ``likeness``; None where training
            changes no picture that mentions nobody.
        people: identity of each person.
        seconds: that drawing and judging took.
    """

    step: int
    identity: float
    likeness: float
    detected: float
    obedience: float | None = None
    drift: float | None = None
    people: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def score(self) -> float:
        """Likeness times obedience less drift.

        Below what strangers get, obedience does not count: times a negative number it would reward disobedience. A
        class that moved away from the people is not rewarded either.
        """
        obedience = 1.0 if self.obedience is None or self.likeness < 0 else self.obedience
        return self.likeness * obedience - max(0.0, self.drift or 0.0)

    @property
    def aims(self) -> tuple[float, float, float]:
        """What is better when it is higher: likeness, obedience, less drift."""
        return self.likeness, 1.0 if self.obedience is None else self.obedience, -max(0.0, self.drift or 0.0)

    def as_json(self) -> dict[str, Any]:
        """The numbers, the score among them."""
        return {"step": self.step, "score": self.score} | asdict(self)

    @classmethod
    def of_json(cls, row: Mapping[str, Any]) -> "Look":
        """What :meth:`as_json` gave."""
        return cls(**{key: value for key, value in row.items() if key != "score"})


def likeness_of(cosine: float, calibration: Calibration) -> float:
    """A mean cosine on the scale of :attr:`Look.likeness`."""
    return (cosine - calibration.stranger) / (calibration.same - calibration.stranger)


def pareto(looks: Sequence[Look]) -> list[Look]:
    """Those that no other one beats: at least as good in all three aims and better in one."""
    return [one for one in looks if not any(_beats(other, one) for other in looks)]


def _beats(one: Look, other: Look) -> bool:
    pairs = list(zip(one.aims, other.aims, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def chosen(looks: Sequence[Look], tolerance: float) -> Look:
    """The best one: of those that come within ``tolerance`` of the highest score, the latest.

    A few pictures do not tell small differences apart, and of checkpoints that look alike the longer trained one is
    the safer choice.

    Raises:
        ValueError: there are none.
    """
    if not looks:
        raise ValueError("no checkpoint was looked at, so none is the best")
    highest = max(look.score for look in looks)
    return max((look for look in looks if look.score >= highest - tolerance), key=lambda look: look.step)


def waited(looks: Sequence[Look], min_delta: float) -> int:
    """How many looks ago the score last rose by more than ``min_delta`` over the best before it."""
    best, since = float("-inf"), 0
    for look in looks:
        since += 1
        if look.score > best + min_delta:
            best, since = look.score, 0
    return since
