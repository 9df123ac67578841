"""Two evaluations of the same people, prompts and seeds, compared pair by pair."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.bootstrap import paired_difference
from evaluation.report import Cell, Report, Table

Key = tuple[str, str, int]
"""Person, prompt, seed."""


def read_evaluation(folder: Path) -> dict[str, Any]:
    """``report.json`` of an evaluation of people.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is the report of something else.
    """
    path = folder / "report.json" if folder.is_dir() else folder
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no report.json: `evaluate personalization` writes one")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if found.get("kind") != "personalization":
        raise ValueError(f"{path} is not the report of `evaluate personalization`")
    return found


def compare(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> Report:
    """The differences first - second by every judge that scored both, with intervals over people.

    Raises:
        ValueError: they share no judge, or no person, prompt and seed.
    """
    one, two = _by_key(first["scores"]), _by_key(second["scores"])
    shared = sorted(one.keys() & two.keys())
    if not shared:
        raise ValueError(
            f"{names[0]} and {names[1]} have no picture of the same person, prompt and seed: draw both alike"
        )
    judges = [judge for judge in first["undetected"] if judge in second["undetected"]]
    if not judges:
        raise ValueError(f"no judge scored both {names[0]} and {names[1]}")
    rows = []
    for judge in judges:
        for measure in ("given", "others"):
            values = [
                [_value(side[key], judge, measure, report) for key in shared]
                for side, report in ((one, first), (two, second))
            ]
            rows.append(_row(f"{judge}, {'identity' if measure == 'given' else 'other photos'}", shared, values))
    for measure in ("prompt_score", "sharpness"):
        rows.append(
            _row(measure.replace("_", " "), shared, [[side[key].get(measure) for key in shared] for side in (one, two)])
        )
    left_out = len(one) + len(two) - 2 * len(shared)
    notices = [f"{left_out} scores have no partner and are left out."] if left_out else []
    people = {key[0] for key in shared}
    lead = f"{len(shared)} pairs of pictures of the same person, prompt and seed; {len(people)} people."
    columns = ["measure", "first", "second", "difference", "low", "high", "people", "verdict"]
    note = (
        f"first: {names[0]}; second: {names[1]}. A face that is not found counts as the judge's 5th percentile of "
        "strangers. low, high: 95 % of the paired difference, bootstrap over people."
    )
    table = Table("Differences", columns, [row for row in rows if row], note)
    return Report(f"{names[0]} against {names[1]}", lead, notices, [table], {"first": names[0], "second": names[1]})


def _by_key(scores: Sequence[Mapping[str, Any]]) -> dict[Key, Mapping[str, Any]]:
    return {(score["person"], score["prompt"], score["seed"]): score for score in scores}


def _value(score: Mapping[str, Any], judge: str, measure: str, report: Mapping[str, Any]) -> float | None:
    """A cosine, what an undetected face counts as, or None where the person has no other photo."""
    if measure == "others" and report["ceilings"][judge][score["person"]] is None:
        return None
    value: float | None = score["judges"][judge][measure]
    return report["undetected"][judge] if value is None else value


def _row(name: str, keys: Sequence[Key], values: Sequence[Sequence[float | None]]) -> list[Cell]:
    """Means over people of both, the paired difference and its interval; empty where nobody has the measure."""
    people: dict[str, list[tuple[float, float]]] = {}
    for key, a, b in zip(keys, *values, strict=True):
        if a is not None and b is not None:
            people.setdefault(key[0], []).append((a, b))
    if not people:
        return []
    means = np.array([np.mean(pairs, axis=0) for pairs in people.values()])  # (people, 2)
    if len(means) < 2:
        difference = float(means[0, 0] - means[0, 1])
        return [name, *map(float, means[0]), difference, None, None, 1, "one person: no interval"]
    found = paired_difference(means[:, 0], means[:, 1])
    verdict = "first" if found.low > 0 else "second" if found.high < 0 else "no difference shown"
    return [name, *map(float, means.mean(0)), found.value, found.low, found.high, found.n, verdict]
