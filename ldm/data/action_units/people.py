"""Who the subjects are, and that none of them is on both sides of a split."""

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ldm.data.action_units import bp4d, disfa
from ldm.data.action_units.sample import AuDataError, AuSample

FOLDS: Mapping[str, tuple[tuple[str, ...], ...]] = {"bp4d": bp4d.FOLDS, "disfa": disfa.FOLDS}


GENDERS = {"f": "female", "woman": "female", "m": "male", "man": "male"}
"""How tables write what captions call female and male."""


def read_people(file: Path) -> dict[str, dict[str, str]]:
    """Subject -> gender, ethnicity, age, as far as a user's table says (columns ``subject`` and any of these).

    Raises:
        AuDataError: there is no such table, or it has no column ``subject``.
    """
    if not file.is_file():
        raise AuDataError(f"there is no table {file}")
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    if not rows or "subject" not in rows[0]:
        raise AuDataError(
            f"{file} has the columns {', '.join(rows[0]) if rows else 'none'}; expected subject,gender,..."
        )
    return {row["subject"]: _said(row) for row in rows}


def _said(row: Mapping[str, str | None]) -> dict[str, str]:
    """What a row says of a person; ``F`` and ``Male`` are written as captions know them."""
    said = {key: value for key in ("gender", "ethnicity", "age") if (value := (row.get(key) or "").strip())}
    if "gender" in said:
        gender = said["gender"].lower()
        said["gender"] = GENDERS.get(gender, gender)
    return said


def with_people(samples: Sequence[AuSample], people: Mapping[str, Mapping[str, str]]) -> list[AuSample]:
    """``samples`` with what is known about their subjects; what ``people`` says comes first.

    Raises:
        AuDataError: nobody of ``people`` is a subject.
    """
    subjects = {one.subject for one in samples}
    if subjects.isdisjoint(people):
        raise AuDataError(
            f"the table of people tells of {', '.join(list(people)[:5])}, none of whom is a subject here; subjects are "
            f"called {', '.join(sorted(subjects)[:5])}"
        )
    return [replace(one, meta={**one.meta, **people.get(one.subject, {})}) for one in samples]


def fold_of(subject: str, source: str) -> int | None:
    """Which of the literature's folds (1, 2, 3) a subject is in; None in none."""
    return next((n for n, fold in enumerate(FOLDS.get(source, ()), 1) if subject in fold), None)


def folds(samples: Sequence[AuSample], source: str) -> list[int]:
    """A fold for each sample: the literature's; other subjects are dealt to three of about one size, each whole."""
    known = {one.subject: fold_of(one.subject, source) for one in samples}
    sizes = {fold: sum(known[one.subject] == fold for one in samples) for fold in (1, 2, 3)}
    for subject in sorted((s for s, fold in known.items() if fold is None), key=lambda s: (-_count(samples, s), s)):
        smallest = min(sizes, key=lambda fold: (sizes[fold], fold))
        known[subject] = smallest
        sizes[smallest] += _count(samples, subject)
    return [known[one.subject] or 0 for one in samples]


def in_folds(samples: Sequence[AuSample], source: str, wanted: str) -> list[AuSample]:
    """Those of ``samples`` whose subjects are in the folds ``wanted`` ("1,2").

    Raises:
        AuDataError: there is no such fold, or it has no sample.
    """
    numbers = {one.strip() for one in wanted.split(",")}
    if wrong := sorted(numbers - {"1", "2", "3"}):
        raise AuDataError(f"there is no fold {wrong[0]!r}: there are 1, 2 and 3; write 1,2 for two of them")
    chosen = [one for one, fold in zip(samples, folds(samples, source), strict=True) if str(fold) in numbers]
    if not chosen:
        raise AuDataError(f"of {len(samples)} pictures, none is of a subject in the folds {wanted}")
    return chosen


def require_disjoint(splits: Mapping[str, Collection[str]]) -> None:
    """Nothing, if no subject is in two of the splits.

    Raises:
        AuDataError: one is; the first is named, with both splits.
    """
    owner: dict[str, str] = {}
    for split, subjects in splits.items():
        for subject in sorted(set(subjects)):
            if subject in owner:
                raise AuDataError(
                    f"subject {subject} is in the splits {owner[subject]} and {split}: a measure would see people that "
                    "were trained on; split by subject"
                )
            owner[subject] = split


def _count(samples: Sequence[AuSample], subject: str) -> int:
    return sum(one.subject == subject for one in samples)
