"""Two evaluations of the same people, prompts and seeds, compared pair by pair."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.bootstrap import paired_difference
from evaluation.report import Cell, Report, Table

Key = tuple[str, tuple[str, ...], str, int]
"""Person, everybody in the picture, prompt, seed."""

HELD_OUT = "held out"
"""The part of a judge whose network had none, in the table of judges of an evaluation."""


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
        ValueError: they share no judge that took no part in either, or no people, prompt and seed; or one has different
            scores of the same picture.
    """
    one, two = (_by_key(report["scores"], name) for report, name in zip((first, second), names, strict=True))
    shared = sorted(one.keys() & two.keys())
    if not shared:
        raise ValueError(
            f"{names[0]} and {names[1]} have no picture of the same people, prompt and seed: draw both alike"
        )
    both = [judge for judge in first["undetected"] if judge in second["undetected"]]
    judges = {judge: _conditioned(judge, (first, second), names) for judge in both}
    if not judges:
        raise ValueError(f"no judge scored both {names[0]} and {names[1]}")
    if all(judges.values()):
        raise ValueError(
            f"{', '.join(judges)} conditioned {names[0]} or {names[1]} and cannot be the only judge of both: "
            "evaluate both by another one, --judge dlib for example"
        )
    rows = []
    for judge, runs in judges.items():
        part = f" (conditioned {' and '.join(runs)})" if runs else ""
        for measure in ("given", "others"):
            values = [
                [_value(side[key], judge, measure, report) for key in shared]
                for side, report in ((one, first), (two, second))
            ]
            rows.append(_row(f"{judge}, {'identity' if measure == 'given' else 'other photos'}{part}", shared, values))
    for measure in ("prompt_score", "sharpness"):
        rows.append(
            _row(measure.replace("_", " "), shared, [[side[key].get(measure) for key in shared] for side in (one, two)])
        )
    left_out = len(one) + len(two) - 2 * len(shared)
    notices = [f"{left_out} scores have no partner and are left out."] if left_out else []
    if flattering := [judge for judge, runs in judges.items() if runs]:
        notices.append(f"{', '.join(flattering)} had a part in training: these rows flatter, and decide nothing alone.")
    people = {key[0] for key in shared}
    lead = f"{len(shared)} pairs of scores of the same people, prompt and seed; {len(people)} people."
    columns = ["measure", "first", "second", "difference", "low", "high", "people", "verdict"]
    note = (
        f"first: {names[0]}; second: {names[1]}. A face that is not found counts as the judge's 5th percentile of "
        "strangers. low, high: 95 % of the paired difference, bootstrap over people."
    )
    table = Table("Differences", columns, [row for row in rows if row], note)
    return Report(f"{names[0]} against {names[1]}", lead, notices, [table], {"first": names[0], "second": names[1]})


def _by_key(scores: Sequence[Mapping[str, Any]], name: str) -> dict[Key, Mapping[str, Any]]:
    found: dict[Key, Mapping[str, Any]] = {}
    for score in scores:
        people = tuple(score.get("people", (score["person"],)))  # older evaluations do not say who stood beside
        key = score["person"], people, score["prompt"], score["seed"]
        if found.setdefault(key, score)["judges"] != score["judges"]:
            raise ValueError(
                f"{name} has different scores of {score['person']}, {score['prompt']!r}, seed {score['seed']}: it "
                "mixes steps or settings, or does not say who stood beside; evaluate it again"
            )
    return found


def _conditioned(judge: str, reports: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Those of two evaluations whose model was conditioned by the judge's network or trained with it."""
    parts = [{row["judge"]: row["part"] for row in report["tables"]["judges"]} for report in reports]
    return [name for name, part in zip(names, parts, strict=True) if part[judge] != HELD_OUT]


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
