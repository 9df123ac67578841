"""How far apart groups of people are in an evaluation, where somebody said which group a person belongs to."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.bootstrap import REPLICATES, SEED, bootstrap_mean
from evaluation.report import Cell, Report, Table

SMALL = 5
"""Groups with fewer people are shown, but no gap is claimed of them."""


def read_labels(path: Path) -> dict[str, dict[str, str]]:
    """Label -> person -> group, from a CSV file with a column ``person`` and one for each label.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has no column ``person``, or no other.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no table of labels at {path}")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0]) if rows else []
    if "person" not in columns or len(columns) < 2:
        raise ValueError(
            f"{path}: a CSV file with the columns person and one for each label is needed, like person,sex"
        )
    labels = [column for column in columns if column and column != "person"]
    return {label: {row["person"]: row[label] for row in rows if row[label]} for label in labels}


def report(evaluation: Mapping[str, Any], labels: Mapping[str, Mapping[str, str]], name: str) -> Report:
    """Identity and detection by group, and the gap between the best and the worst one.

    Raises:
        ValueError: nobody of the evaluation has a label.
    """
    judge = evaluation["judge"]
    people = _people(evaluation, judge)
    rows: list[list[Cell]] = []
    gaps: list[list[Cell]] = []
    for label, groups in labels.items():
        members: dict[str, list[str]] = {}
        for person in people:
            if person in groups:
                members.setdefault(groups[person], []).append(person)
        rows += [_row(label, group, [people[one] for one in own]) for group, own in sorted(members.items())]
        large = {group: [people[one] for one in own] for group, own in members.items() if len(own) >= SMALL}
        if len(large) > 1:
            gaps += [_gap(label, measure, large) for measure in ("identity", "face found")]
    if not rows:
        raise ValueError(f"nobody of this evaluation has a label: it has {', '.join(list(people)[:5])}")
    without = [person for person in people if not any(person in groups for groups in labels.values())]
    notices = [f"{len(without)} people have no label and are in no group, first {without[0]}."] if without else []
    if not gaps:
        notices.append(f"No label has two groups of at least {SMALL} people: no gap is claimed.")
    columns = ["label", "group", "people", "identity", "low", "high", "face found"]
    note = (
        f"By {judge}; a face that is not found counts as the 5th percentile of strangers. 95 %, bootstrap over people."
    )
    gap_columns = ["label", "measure", "best", "worst", "gap", "low", "high", "verdict"]
    gap_note = "Between the best and the worst group; both are resampled. Choosing the best of many widens a gap."
    parts = [Table("Groups", columns, rows, note), Table("Gaps", gap_columns, gaps, gap_note)]
    lead = f"{len(people)} people in {len(rows)} groups of {len(labels)} labels."
    return Report(f"Groups: {name}", lead, notices, parts if gaps else parts[:1], {"judge": judge}, {"kind": "groups"})


Numbers = tuple[float, float]
"""A person's mean identity, and share of pictures with a face."""


def _people(evaluation: Mapping[str, Any], judge: str) -> dict[str, Numbers]:
    """Each person's numbers."""
    found: dict[str, list[float | None]] = {}
    for score in evaluation["scores"]:
        found.setdefault(score["person"], []).append(score["judges"][judge]["given"])
    undetected = evaluation["undetected"][judge]
    return {
        person: (
            float(np.mean([undetected if value is None else value for value in values])),
            float(np.mean([value is not None for value in values])),
        )
        for person, values in sorted(found.items())
    }


def _row(label: str, group: str, numbers: Sequence[Numbers]) -> list[Cell]:
    identity = [value for value, _ in numbers]
    found = bootstrap_mean(identity) if len(identity) > 1 else None
    low, high = (found.low, found.high) if found else (None, None)
    detection = float(np.mean([value for _, value in numbers]))
    return [label, group, len(numbers), float(np.mean(identity)), low, high, detection]


def _gap(label: str, measure: str, groups: Mapping[str, Sequence[Numbers]]) -> list[Cell]:
    """Best minus worst group, each resampled by itself."""
    place = 0 if measure == "identity" else 1
    values = {group: np.array([numbers[place] for numbers in own]) for group, own in groups.items()}
    ordered = sorted(values, key=lambda group: float(values[group].mean()))
    best, worst = values[ordered[-1]], values[ordered[0]]
    draws = np.random.default_rng(SEED)
    resampled = [draws.choice(one, (REPLICATES, one.size)).mean(1) for one in (best, worst)]
    low, high = (float(end) for end in np.quantile(resampled[0] - resampled[1], [0.025, 0.975]))
    verdict = "a gap" if low > 0 else "no gap shown"
    return [label, measure, ordered[-1], ordered[0], float(best.mean() - worst.mean()), low, high, verdict]
