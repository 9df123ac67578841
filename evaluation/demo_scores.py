"""What the demo measures, and its report.json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.bootstrap import Interval, paired_difference
from evaluation.identity import IdentityScores, Judge, Vector, score_vectors
from evaluation.pairs import PairScore, in_prompt_order, score_pair, summarize
from evaluation.samples import Sample, paired
from ldm.faces.photos import read_photo

STAGES = ("setup", "align", "train", "generate", "extract")


@dataclass(frozen=True)
class Person:
    """One person of the demo.

    Attributes:
        placeholder: the word that stands for them in prompts.
        title: their name, for people to read.
        photo: the photo they were learned from.
        aligned: its face crop.
    """

    placeholder: str
    title: str
    photo: Path
    aligned: Path


@dataclass(frozen=True)
class PersonResult:
    """Pictures of one person and their scores, picture by picture in the order of ``drawn``.

    Attributes:
        person: who.
        drawn: the generated pictures.
        before: the same prompts and seeds with the coefficients at the basis mean.
        identity: scores of ``drawn`` to the person's photo.
        identity_before: scores of ``before`` to the person's photo.
        identity_other: scores of ``drawn`` to the other person's photo.
        gain: identity - identity_before with its 95 % interval over the pictures, pair by pair.
    """

    person: Person
    drawn: list[Sample]
    before: list[Sample]
    identity: IdentityScores
    identity_before: IdentityScores
    identity_other: IdentityScores
    gain: Interval


@dataclass(frozen=True)
class PairResult:
    """Pictures of both people and their scores."""

    drawn: list[Sample]
    scores: list[PairScore]


@dataclass(frozen=True)
class Demo:
    """All that the demo found.

    Attributes:
        model: the weights.
        judge: who scored.
        judge_conditioned: whether the judge's network is the one whose vectors the people were learned with.
        people: results per person, in the order of the placeholders.
        pair: results of the prompts with both.
        seconds: per stage.
        peak_rss_mb: per stage.
        settings: whatever is needed to read the numbers.
        curve: the training curve as PNG, None if nothing was logged.
    """

    model: str
    judge: str
    judge_conditioned: bool
    people: list[PersonResult]
    pair: PairResult
    seconds: Mapping[str, float]
    peak_rss_mb: Mapping[str, float]
    settings: Mapping[str, Any] = field(default_factory=dict)
    curve: bytes | None = None


def reference_vectors(judge: Judge, people: Sequence[Person]) -> dict[str, Vector]:
    """The judge's vector of each person's photo, by placeholder.

    Raises:
        ValueError: the judge sees no face in a photo.
    """
    vectors = {}
    for person in people:
        vector = judge.vector(read_photo(person.photo))
        if vector is None:
            raise ValueError(f"judge {judge.name} finds no face in {person.photo}")
        vectors[person.placeholder] = vector
    return vectors


def score_person(
    judge: Judge,
    person: Person,
    references: Mapping[str, Vector],
    drawn: Sequence[Sample],
    before: Sequence[Sample],
    undetected: float,
) -> PersonResult:
    """Score the pictures ``drawn`` of ``person``.

    Args:
        judge: who looks.
        person: whose pictures these are.
        references: vectors of both people's photos, by placeholder.
        drawn: the pictures.
        before: pictures at the basis mean; of them those with the prompt and seed of a drawn one are used.
        undetected: what a picture without a face counts as.

    Raises:
        LookupError: a drawn picture has no partner in ``before``.
    """
    partners = [old for _, old in paired(drawn, before)]
    (other,) = (vector for placeholder, vector in references.items() if placeholder != person.placeholder)
    own = references[person.placeholder]
    vectors = judge.vectors([sample.open() for sample in drawn])
    identity = score_vectors(own, vectors, undetected)
    identity_before = score_vectors(own, judge.vectors([sample.open() for sample in partners]), undetected)
    return PersonResult(
        person,
        list(drawn),
        partners,
        identity,
        identity_before,
        score_vectors(other, vectors, undetected),
        paired_difference(identity.values, identity_before.values),
    )


def score_pairs(
    judge: Judge, references: Mapping[str, Vector], drawn: Sequence[Sample], undetected: float
) -> PairResult:
    """Score pictures of both people; who is first in a prompt is expected at the left."""
    scores = []
    for sample in drawn:
        first, second = in_prompt_order(sample.prompt, list(references))
        scores.append(score_pair(judge, sample.open(), (references[first], references[second]), undetected))
    return PairResult(list(drawn), scores)


def report(demo: Demo, folder: Path) -> dict[str, Any]:
    """The content of report.json; photos are named relative to ``folder``.

    ``detected``, ``two_faces`` and ``assigned`` count pictures among ``n``.
    """
    pair = summarize(demo.pair.scores)
    return {
        "model": demo.model,
        "judge": demo.judge,
        "people": [
            {
                "placeholder": result.person.placeholder,
                "photo": result.person.photo.relative_to(folder).as_posix(),
                "n": len(result.drawn),
                "detected": result.identity.detected,
                "identity": round(result.identity.mean, 4),
                "identity_before": round(result.identity_before.mean, 4),
                "identity_other": round(result.identity_other.mean, 4),
                "ci": [round(result.gain.low, 4), round(result.gain.high, 4)],
            }
            for result in demo.people
        ],
        "pair": {"n": pair.n, "two_faces": pair.two_faces, "assigned": pair.assigned},
        "seconds": {stage: round(demo.seconds.get(stage, 0.0), 1) for stage in STAGES},
        "peak_rss_mb": {stage: round(demo.peak_rss_mb[stage]) for stage in STAGES if stage in demo.peak_rss_mb},
        "settings": dict(demo.settings),
    }
