"""Is it still the same person: likeness along a sweep, by a network that took no part in learning."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.bootstrap import Interval, auc, bootstrap_mean
from evaluation.identity import Judge, Vector, cosine
from evaluation.studies.action_units.kept import Kept
from evaluation.studies.action_units.requests import NEUTRAL, Wanted
from evaluation.studies.names import mean_vector
from ldm.commands.bars import bar
from ldm.faces.photos import list_photos, read_photo

KNOWN_AUC, GATE_RATIO = 0.8, 0.85
"""Issue 7: along the sweep at least 85 % of the neutral value, of people whose neutral AUC is at least .8."""


@dataclass(frozen=True)
class Likeness:
    """Likeness by level, and whom the neutral pictures show.

    Attributes:
        judge: who looks.
        to: what pictures are compared with.
        levels: that were asked for, from neutral on.
        by_person: mean cosine at each level, of each person.
        neutral_auc: how often neutral pictures of a person are nearer to them than strangers' pairs are; empty without
            photos.
    """

    judge: str
    to: str
    levels: tuple[float, ...]
    by_person: Mapping[str, Sequence[float]]
    neutral_auc: Mapping[str, float]

    @property
    def mean(self) -> list[Interval]:
        """By level, over people."""
        table = np.array(list(self.by_person.values()))
        return [bootstrap_mean(column) for column in table.T]

    @property
    def drop(self) -> Interval:
        """Of the cosine, from neutral to the last level."""
        return bootstrap_mean([own[0] - own[-1] for own in self.by_person.values()])

    @property
    def known(self) -> list[str]:
        """People whose neutral pictures are told from others."""
        return [who for who, value in self.neutral_auc.items() if value >= KNOWN_AUC]

    @property
    def ratio(self) -> float | None:
        """The lowest mean of any level in shares of the neutral one, over people who are known; None without any."""
        own = np.array([self.by_person[who] for who in self.known])
        if not len(own) or own[:, 0].mean() <= 0:
            return None
        return float(np.min(own.mean(0)[1:]) / own[:, 0].mean())


def photos_of(prompts: Sequence[str], folder: Path) -> dict[str, list[Path]]:
    """By prompt, the photos in the sub-folder that is called like somebody in it: `Colin_Powell`, `sks`.

    Raises:
        ValueError: a prompt names nobody of the folder.
    """
    people: dict[str, list[Path]] = {}
    for path in list_photos(folder):
        people.setdefault(path.relative_to(folder).parts[0], []).append(path)
    found = {}
    for prompt in prompts:
        said = f" {_words(prompt)} "
        here = [name for name in people if f" {_words(name)} " in said]
        if not here:
            raise ValueError(
                f"{folder} has no sub-folder of photos that is called like somebody in {prompt!r}; there are "
                f"{', '.join(list(people)[:5])}"
            )
        found[prompt] = people[max(here, key=len)]
    return found


def likeness(
    judge: Judge,
    wanted: Sequence[Wanted],
    out: Path,
    kept: Kept,
    undetected: float,
    photos: Mapping[str, Sequence[Path]] | None = None,
) -> Likeness:
    """Likeness along the sweeps in ``wanted``, whose pictures lie in ``out``; a picture without a face counts as
    ``undetected``. Compared with photos by person, or without any with the neutral picture from the same noise.

    Raises:
        ValueError: there is no neutral picture to compare with.
    """
    vectors = _vectors(judge, wanted, out, kept)
    levels = sorted({one.level for one in wanted})
    if levels[0] != NEUTRAL:
        raise ValueError("identity along a sweep is compared with the neutral picture: let --levels begin with 0")
    references = None if photos is None else {who: mean_vector(judge, own) for who, own in photos.items()}
    several = photos is not None and len({tuple(own) for own in photos.values()}) > 1
    neutral = {(one.noise, one.unit): vectors[one.request.file] for one in wanted if one.level == NEUTRAL}
    scores: dict[tuple[str, float], list[float]] = {}
    for one in wanted:
        to = neutral[one.noise, one.unit] if references is None else references[one.person]
        own = vectors[one.request.file]
        if to is not None:
            scores.setdefault((one.person, one.level), []).append(undetected if own is None else cosine(to, own))
    whole = [who for who in dict.fromkeys(one.person for one in wanted) if all((who, x) in scores for x in levels)]
    if not whole:
        raise ValueError(f"judge {judge.name} finds a face in no neutral picture: there is nothing to compare with")
    return Likeness(
        judge.name,
        "their own neutral picture from the same noise" if references is None else "other photos of them",
        tuple(levels),
        {who: [float(np.mean(scores[who, level])) for level in levels] for who in whole},
        _aucs(wanted, vectors, references, undetected) if references is not None and several else {},
    )


def _vectors(judge: Judge, wanted: Sequence[Wanted], out: Path, kept: Kept) -> dict[str, Vector | None]:
    found: dict[str, Vector | None] = {}
    with bar("recognise", len(wanted)) as advance:
        for one in wanted:
            key = f"{judge.name}/{one.request.file}"
            if (value := kept.get(key)) is None:
                seen = judge.vector(read_photo(out / one.request.file))
                value = [] if seen is None else [round(float(x), 5) for x in seen]
                kept.put(key, value)
            found[one.request.file] = np.asarray(value, np.float32) if value else None
            advance(1)
    return found


def _aucs(
    wanted: Sequence[Wanted],
    vectors: Mapping[str, Vector | None],
    references: Mapping[str, Vector],
    undetected: float,
) -> dict[str, float]:
    """By person, how often a neutral picture of them is nearer to their photos than a stranger's pair is.

    Strangers' pairs are those of `study celeb_basis`: their picture with another's photos, another's with theirs.
    """
    neutral: dict[str, list[Vector | None]] = {}
    for one in wanted:
        if one.level == NEUTRAL:
            neutral.setdefault(one.person, []).append(vectors[one.request.file])
    scores = {
        (shown, known): [undetected if v is None else cosine(reference, v) for v in own]
        for shown, own in neutral.items()
        for known, reference in references.items()
    }
    return {
        who: auc(
            scores[who, who], [x for pair, own in scores.items() if (who in pair) and pair != (who, who) for x in own]
        )
        for who in neutral
    }


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.replace("_", " ").lower()))
