"""Measure the judges on photos of real people: how strangers score, how well a judge tells people apart.

``python -m ldm study strangers --photos LFW`` writes evaluation/strangers.json and the section "Judges" of
docs/measurements.md. Of everybody with at least two photos two are drawn by the seed: the first as it is, as the
reference, the second shrunk to the sizes at which pictures are scored.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation.bootstrap import auc
from evaluation.identity import Judge, Vector
from evaluation.judges import STRANGERS, load_judge
from evaluation.studies.document import markdown_table, replace_section
from evaluation.subjects import photos_by_person
from ldm.faces.photos import read_photo
from ldm.files import write_json

SEED = 42
SIDES = (64, 128, 216)
"""64 and 128 px are what the embedded model draws; 216 px is LFW as it is in the development data."""
FOLDS = 10
FAR = 1e-3


def two_photos_each(folder: Path, num_people: int | None, seed: int = SEED) -> list[tuple[Path, Path]]:
    """Two photos of everybody who has two in ``folder/<person>/``, drawn by ``seed``; at most ``num_people`` people.

    Raises:
        ValueError: fewer than twenty people have two photos.
    """
    by_person = photos_by_person(folder)
    several = [photos for _, photos in sorted(by_person.items()) if len(photos) >= 2]
    if len(several) < 20:
        raise ValueError(
            f"{folder}: {len(several)} people have two photos, at least 20 are needed; "
            "one folder a person is expected, as in LFW"
        )
    generator = np.random.default_rng(seed)
    chosen = generator.permutation(len(several))[:num_people]
    drawn = [generator.choice(len(several[person]), 2, replace=False) for person in chosen]
    return [(several[p][first], several[p][second]) for p, (first, second) in zip(chosen, drawn, strict=True)]


def shrunk(photo: Image.Image, side_px: int) -> Image.Image:
    """``photo`` with its shorter side at ``side_px``; smaller photos stay as they are."""
    scale = side_px / min(photo.size)
    if scale >= 1:
        return photo
    width, height = (max(1, round(side * scale)) for side in photo.size)
    return photo.resize((width, height), Image.Resampling.LANCZOS)


def verification_accuracy(matched: NDArray[np.float64], strangers: NDArray[np.float64], seed: int = SEED) -> float:
    """Share of pairs told right when the threshold is chosen on nine tenths of the pairs and tried on the tenth.

    As many strangers' pairs as matched ones are drawn by ``seed``, the protocol of LFW.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.choice(strangers, len(matched), replace=len(strangers) < len(matched))
    scores = np.concatenate([matched, drawn])
    same = np.arange(len(scores)) < len(matched)
    folds = generator.permutation(len(scores)) % FOLDS
    right = 0
    for fold in range(FOLDS):
        train, test = folds != fold, folds == fold
        order = np.argsort(scores[train])
        positive = same[train][order]
        # a threshold at each score: strangers below it and matched from it on are right
        correct = np.concatenate([[0], np.cumsum(~positive)]) + np.concatenate([np.cumsum(positive[::-1])[::-1], [0]])
        best = int(correct.argmax())
        ordered = np.concatenate([[-np.inf], scores[train][order], [np.inf]])
        threshold = (ordered[best] + ordered[best + 1]) / 2
        right += int(((scores[test] > threshold) == same[test]).sum())
    return right / len(scores)


def describe(first: Sequence[Vector | None], second: Sequence[Vector | None]) -> dict[str, Any]:
    """What one judge says of N people's references ``first`` and their other pictures ``second``.

    Matched are the N pairs of one person, strangers all N (N - 1) pairs of two, without the undetected.
    """
    seen = [i for i, pair in enumerate(zip(first, second, strict=True)) if pair[0] is not None and pair[1] is not None]
    a = np.stack([v for i in seen if (v := first[i]) is not None]).astype(np.float64)
    b = np.stack([v for i in seen if (v := second[i]) is not None]).astype(np.float64)
    cosines = a @ b.T  # (n, n)
    matched, strangers = np.diag(cosines), cosines[~np.eye(len(seen), dtype=bool)]
    threshold = float(np.quantile(strangers, 1 - FAR))
    return {
        "p5": round(float(np.percentile(strangers, 5)), 4),
        "p50": round(float(np.percentile(strangers, 50)), 4),
        "p95": round(float(np.percentile(strangers, 95)), 4),
        "matched_mean": round(float(matched.mean()), 4),
        "auc": round(auc(matched, strangers), 5),
        "accuracy": round(verification_accuracy(matched, strangers), 4),
        "threshold_far_1e-3": round(threshold, 4),
        "verified_far_1e-3": round(float((matched > threshold).mean()), 4),
        "people": len(first),
        "undetected": sum(v is None for v in second),
        "stranger_pairs": int(strangers.size),
    }


def measure(judge: Judge, pairs: Sequence[tuple[Path, Path]], sides: Sequence[int] = SIDES) -> dict[str, Any]:
    """:func:`describe` for pictures of each size in ``sides``, by the size as text."""
    references: list[Vector | None] = []
    pictures: dict[int, list[Vector | None]] = {side: [] for side in sides}
    for number, (first, second) in enumerate(pairs, 1):
        references.append(judge.vector(read_photo(first)))
        photo = read_photo(second)
        for side in sides:
            pictures[side].append(judge.vector(shrunk(photo, side)))
        if number % 200 == 0:
            print(f"{judge.name}: {number} of {len(pairs)} people", flush=True)
    return {str(side): describe(references, pictures[side]) for side in sides}


def run(
    photos: Path, judges: Sequence[str], num_people: int | None, out: Path = STRANGERS, document: bool = True
) -> None:
    """Measure ``judges`` on ``photos`` and write the table ``out``, where judges not measured now keep their rows.

    Args:
        photos: LFW: one folder a person.
        judges: as ``load_judge`` takes them.
        num_people: at most so many people; None takes all.
        out: the table.
        document: write the section of docs/measurements.md too.
    """
    pairs = two_photos_each(photos, num_people)
    known: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))["judges"] if out.is_file() else {}
    for name in judges:
        one = load_judge(name)
        known[one.name] = measure(one, pairs)
        print(f"{one.name}: {json.dumps(known[one.name], indent=2)}")
    write_json(out, {"made_by": "python -m ldm study strangers", "photos": photos.name, "seed": SEED, "judges": known})
    if document:
        replace_section("Judges", section(known))


def section(judges: dict[str, Any]) -> str:
    """The text of the section "Judges"."""
    rows = [
        [
            f"`{name}`",
            side,
            f"{100 * m['accuracy']:.2f} %",
            f"{m['auc']:.4f}",
            f"{100 * m['verified_far_1e-3']:.1f} %",
            f"{m['matched_mean']:.3f}",
            f"{m['p5']:.3f} / {m['p50']:.3f} / {m['p95']:.3f}",
            f"{m['undetected']} of {m['people']}",
        ]
        for name, sides in judges.items()
        for side, m in sides.items()
    ]
    head = ["judge", "picture, px", "accuracy", "AUC", "verified at FAR 1e-3", "same person, mean"]
    table = markdown_table([*head, "strangers 5 / 50 / 95 %", "undetected"], rows)
    pairs = " or ".join(f"{n:,}" for n in sorted({m["stranger_pairs"] for x in judges.values() for m in x.values()}))
    return f"""
`python -m ldm study strangers --photos LFW` (seed {SEED}). Two photos each of the people of LFW who have two: the
reference as it is (216 px), the other shrunk to the size in the table and enlarged again by the judge.
Accuracy: tenfold, threshold from the other nine tenths, as many strangers as matched pairs.
The rest is over all ordered pairs of two people ({pairs}).
A generated picture without a detected face counts as the judge's 5 % of strangers.

{table}
"""
