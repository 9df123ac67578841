"""From the scores of pictures to the numbers of a table, with intervals over people."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from evaluation.bootstrap import bootstrap_mean
from evaluation.judges import Calibration
from evaluation.scores import Score

LEAST_RANGE = 0.02
"""Cosine between strangers and real photos of one person below which a percentage of it means nothing."""

FEW_PEOPLE = 20
"""Below this number of people an interval says little about people in general."""


@dataclass(frozen=True)
class Standard:
    """What one judge's cosines are held against.

    Attributes:
        calibration: the judge's constants, measured on strangers.
        ceilings: mean cosine between real photos, for each person of whom there are other photos.
        nearest: mean cosine of the other photos to the nearest given one, for each of them.
    """

    calibration: Calibration
    ceilings: Mapping[str, float | None]
    nearest: Mapping[str, float | None]

    def ceiling(self, people: Sequence[str]) -> float:
        """What another real photo of these people scores; of people in general where they have one photo only."""
        own = [value for name in people if (value := self.ceilings.get(name)) is not None]
        return float(np.mean(own)) if own else self.calibration.same

    def copy_share(self, people: Sequence[str], nearer: float) -> float | None:
        """How much nearer a face is to one given photo than to others: 0 for a new real photo of them, 1 for a copy.

        By the nearest given photo: the mean over several hides that one was copied. The nearest of several is nearer
        than their mean even to a new photo; what that makes up is taken off.

        Args:
            people: who is shown.
            nearer: mean cosine to the nearest given photo less that to other photos.
        """
        own = [value for name in people if (value := self.nearest.get(name)) is not None]
        usual = float(np.mean(own)) if own else 1.0
        if usual >= 1:  # the other photos cannot be told from the given ones
            return None
        return (nearer - (usual - self.ceiling(people))) / (1 - usual)


@dataclass(frozen=True)
class Identity:
    """How much pictures show the people who were asked for, by one judge.

    Attributes:
        n: scores: pictures times the people asked for.
        people: how many different people.
        mean: cosine to the given photos; a face that is not found counts as the 5th percentile of strangers.
        low: lower end of its 95 % interval over people; None with one person.
        high: upper end of it.
        detected_only: the same over the found faces; None where there are none.
        others: cosine to other photos; None where nobody has any.
        gap: how much closer found faces are to the given photos than to others; None without others.
        gap_share: 0 for another real photo of the person, 1 for a copy of a given one; see ``Standard.copy_share``.
        detection: share of scores with a face.
        percent: 0 is what strangers get, 100 another real photo; of ``others`` where there are some, else of ``mean``;
            None where real photos of a person are hardly nearer to each other than strangers.
        verified: share above the threshold that one in a thousand strangers passes.
    """

    n: int
    people: int
    mean: float
    low: float | None
    high: float | None
    detected_only: float | None
    others: float | None
    gap: float | None
    gap_share: float | None
    detection: float
    percent: float | None
    verified: float


def identity_of(scores: Sequence[Score], judge: str, standard: Standard) -> Identity:
    """The numbers of ``scores`` by ``judge``.

    Raises:
        ValueError: there are no scores.
    """
    if not scores:
        raise ValueError("no pictures to score")
    people = sorted({score.person for score in scores})
    undetected = standard.calibration.undetected
    given = per_person(scores, lambda score: _or(score.judges[judge].given, undetected))
    mean, low, high = interval(list(given.values()))
    seen = [score for score in scores if not np.isnan(score.judges[judge].given)]
    measured = [score for score in scores if score.judges[judge].others is not None]
    others = _mean(list(per_person(measured, lambda score: _or(score.judges[judge].others, undetected)).values()))
    both = [s.judges[judge] for s in measured if not np.isnan(s.judges[judge].given)]
    gap = _mean([cosines.given - (cosines.others or 0.0) for cosines in both])
    near = _mean([cosines.nearest - (cosines.others or 0.0) for cosines in both])
    ceiling, stranger = standard.ceiling(people), standard.calibration.stranger
    held_mean = mean if others is None else others
    held = [_or(c.given if c.others is None else c.others, undetected) for c in (s.judges[judge] for s in scores)]
    return Identity(
        n=len(scores),
        people=len(people),
        mean=mean,
        low=low,
        high=high,
        detected_only=_mean([score.judges[judge].given for score in seen]),
        others=others,
        gap=gap,
        gap_share=None if near is None else standard.copy_share(people, near),
        detection=len(seen) / len(scores),
        percent=None if ceiling - stranger < LEAST_RANGE else 100 * (held_mean - stranger) / (ceiling - stranger),
        verified=float(np.mean([value > standard.calibration.threshold for value in held])),
    )


def per_person(scores: Sequence[Score], value: Callable[[Score], float]) -> dict[str, float]:
    """The mean of ``value`` for each person: the unit of every interval, since pictures of one are not independent."""
    groups: dict[str, list[float]] = {}
    for score in scores:
        groups.setdefault(score.person, []).append(value(score))
    return {person: float(np.mean(values)) for person, values in sorted(groups.items())}


def interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Mean of one value a person and its 95 % interval; no interval for one person."""
    if len(values) < 2:
        return float(np.mean(values)), None, None
    found = bootstrap_mean(values)
    return found.value, found.low, found.high


class PictureDistance(Protocol):
    """How different pictures look."""

    name: str

    def pairs(self, images: Sequence[Image.Image]) -> list[float]:
        """Distances of all pairs, in the order of ``itertools.combinations``."""
        ...


class Ssim:
    """1 - SSIM of the grey pictures at 64 px: no network; it measures layout more than content."""

    name = "1-ssim"

    def pairs(self, images: Sequence[Image.Image]) -> list[float]:
        """Distances of all pairs."""
        from skimage.metrics import structural_similarity

        small = [np.asarray(image.convert("L").resize((64, 64), Image.Resampling.BOX), np.float64) for image in images]
        return [1 - float(structural_similarity(a, b, data_range=255)) for a, b in itertools.combinations(small, 2)]


def diversity(groups: Sequence[Sequence[Image.Image]], distance: PictureDistance) -> float | None:
    """Mean distance between pictures of one group (the same people and prompt); None where no group has two."""
    found = [float(np.mean(distance.pairs(group))) for group in groups if len(group) > 1]
    return _mean(found)


def _or(value: float | None, undetected: float) -> float:
    """The value, or what an undetected face counts as."""
    return undetected if value is None or np.isnan(value) else value


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
