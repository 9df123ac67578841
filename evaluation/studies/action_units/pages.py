"""The report card of a model that was asked to move faces: tables, curves, pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.au_metrics import Agreement
from evaluation.au_plots import Curve, draw_likeness, draw_responses
from evaluation.bootstrap import Interval
from evaluation.report import Cell, Gallery, Plot, Report, Shown, Table
from evaluation.studies.action_units.ceiling import Ceiling
from evaluation.studies.action_units.identity import GATE_RATIO, KNOWN_AUC, Likeness
from evaluation.studies.action_units.requests import Wanted
from evaluation.studies.action_units.results import Gate, UnitResult
from ldm.data.action_units.facs import FACS

ASKED_COLUMNS = (
    "unit", "read by", "asked", "pictures", "share present", "F1", "F1 low", "F1 high", "always F1", "skew F1",
    "AUC", "AUC low", "AUC high", "ICC", "Pearson", "ceiling F1", "ceiling skew F1", "ceiling AUC", "ceiling ICC",
    "ceiling Pearson",
)  # fmt: skip
DOSE_COLUMNS = (
    "unit", "read by", "Spearman", "Spearman low", "Spearman high", "slope", "slope low", "slope high", "monotonicity",
    "monotonicity low", "monotonicity high", "leak", "leak in shares", "leaks most into",
)  # fmt: skip
SAME = "blendshapes also made the labels: rows read by them say how well a model agrees with its own teacher"


@dataclass(frozen=True)
class Found:
    """All that one evaluation found.

    Attributes:
        name: of the run or the weights.
        results: of every unit by every reader.
        ceilings: of the readers.
        likeness: along the sweeps; None without a judge.
        gates: of people's labels.
        faces: by reader, the share of pictures in which a face was found.
        wanted: the sweeps' pictures.
        out: where they lie.
        settings: how all was made.
        notices: what must not be overlooked.
    """

    name: str
    results: Sequence[UnitResult]
    ceilings: Sequence[Ceiling]
    likeness: Likeness | None
    gates: Sequence[Gate]
    faces: Mapping[str, float]
    wanted: Sequence[Wanted]
    out: Path
    settings: Mapping[str, Any]
    notices: Sequence[str] = ()


def report(found: Found) -> Report:
    """The page's content."""
    units = list(dict.fromkeys(one.unit for one in found.results))
    parts: list[Table | Gallery | Plot] = []
    if found.gates or (found.likeness and found.likeness.known):
        parts.append(_gates(found))
    parts += [_asked(found), _dose(found.results), _curves(found.results)]
    if found.ceilings:
        parts.append(_ceilings(found.ceilings))
    if found.likeness is not None:
        parts += [_likeness(found.likeness), _likeness_plot(found.likeness)]
    parts.append(_gallery(found))
    pictures = len(found.wanted)
    lead = f"{found.name}: {len(units)} action units, each at every level from the same noise, {pictures} pictures."
    notices = [*found.notices, *([f"{SAME}."] if any(not one.independent for one in found.results) else [])]
    for name, share in found.faces.items():
        if share < 1:
            notices.append(
                f"In {100 * (1 - share):.1f} % of the pictures {name} found no face: they count as the opposite of "
                "what was asked for."
            )
    return Report(f"Action units: {found.name}", lead, notices, parts, found.settings, {"kind": "action units"})


def title_of(unit: int) -> str:
    """``AU12 lip corner puller``."""
    return f"AU{unit} {FACS[unit].name.lower()}" if unit in FACS else f"AU{unit}"


def _asked(found: Found) -> Table:
    ceiling = {(one.unit, one.reader): one.found for one in found.ceilings}
    rows: list[list[Cell]] = []
    for one in found.results:
        top = ceiling.get((one.unit, one.reader))
        ends = [None] * 5 if top is None else [_value(x) for x in (top.f1, top.skew_f1, top.auc, top.icc, top.pearson)]
        for how, seen in (("alone", one.alone), ("as real faces", one.as_real)):
            if seen is not None:
                rows.append([title_of(one.unit), _by(one), how, *_numbers(seen), *ends])
    note = (
        "Alone: a unit asked for with 2 and more counts as present, with 0 as absent. As real faces: everything that a "
        "labelled photo of somebody else does was asked for together. Always F1: of answering present to all. Skew F1: "
        "at equal shares. Ceiling: the same reader on real photos of people kept out, at the model's size. Intervals: "
        "95 %, bootstrap over people."
    )
    return Table("Asked for and measured", ASKED_COLUMNS, rows, note)


def _by(one: UnitResult) -> str:
    """Who reads, and whether that is whose labels were trained on."""
    return one.reader if one.independent else f"{one.reader} (same detector as the labels)"


def _numbers(seen: Agreement) -> list[Cell]:
    intervals: list[Cell] = [*_ends(seen.f1), seen.always, _value(seen.skew_f1), *_ends(seen.auc)]
    return [seen.pictures, seen.rate, *intervals, _value(seen.icc), _value(seen.pearson)]


def _dose(results: Sequence[UnitResult]) -> Table:
    rows: list[list[Cell]] = []
    for one in results:
        into = None if one.leaks_into is None else f"AU{one.leaks_into[0]} {one.leaks_into[1]:.2f}"
        numbers = [*_ends(one.dose.spearman), *_ends(one.dose.slope), *_ends(one.dose.monotonicity)]
        leaked = None if one.leak is None else one.leak.value
        rows.append([title_of(one.unit), _by(one), *numbers, leaked, one.leak_share, into])
    note = (
        "Of each person's own pictures, mean over people. Slope: points measured for a point asked for. Monotonicity: "
        "of pairs from the same noise, the share in which the one asked for more has more (.5: deaf). Leak: mean "
        "absolute change of the other units of the reader between the first and the last level, in points and in "
        "shares of the unit's own change."
    )
    return Table("Dose and response", DOSE_COLUMNS, rows, note)


def _curves(results: Sequence[UnitResult]) -> Plot:
    panels: dict[str, list[Curve]] = {}
    for one in results:
        panels.setdefault(title_of(one.unit), []).append(Curve(one.reader, one.levels, one.curve))
    note = (
        "Mean over people with its 95 % interval, where a face was found; dotted: measured as asked. By people's "
        "labels: 5 times the probability."
    )
    return Plot("Dose-response curves", draw_responses(panels), note)


def _ceilings(ceilings: Sequence[Ceiling]) -> Table:
    rows: list[list[Cell]] = []
    for one in ceilings:
        small = one.found
        numbers = [*_ends(small.auc), _value(small.f1), small.always, _value(small.skew_f1)]
        full = None if one.full is None else _value(one.full.auc)
        correlations = [_value(small.icc), _value(small.pearson)]
        rows.append([title_of(one.unit), one.reader, one.truth, small.pictures, *numbers, full, *correlations])
    head = (
        "unit", "read by", "truth", "pictures", "AUC", "AUC low", "AUC high", "F1", "always F1", "skew F1",
        "AUC on whole photos", "ICC", "Pearson",
    )  # fmt: skip
    note = "What the readers reach on real photos of people kept out, through the model's first stage and at its size."
    return Table("Ceilings", head, rows, note)


def _gates(found: Found) -> Table:
    rows: list[list[Cell]] = [
        [one.what, one.found, one.low, one.high, one.wanted, "met" if one.met else "not met"] for one in found.gates
    ]
    like = found.likeness
    if like is not None and like.neutral_auc:
        ratio = like.ratio
        said = f"identity at every level, in shares of neutral ({len(like.known)} people of {len(like.neutral_auc)})"
        met = "met" if ratio is not None and ratio >= GATE_RATIO else "not met"
        rows.append([said, ratio, None, None, GATE_RATIO, met])
    note = "By classifiers that know people's labels only; identity of people whose neutral AUC is at least .8."
    return Table("Gates", ("gate", "found", "low", "high", "at least", ""), rows, note)


def _likeness(like: Likeness) -> Table:
    head = ["person", "neutral AUC", *(f"at {level:g}" for level in like.levels), "kept at the last"]
    rows: list[list[Cell]] = []
    for who, own in like.by_person.items():
        kept = float(own[-1] / own[0]) if own[0] > 0 else None
        rows.append([who, like.neutral_auc.get(who), *map(float, own), kept])
    mean, drop = like.mean, like.drop
    rows.append(["mean", None, *(one.value for one in mean), None])
    note = (
        f"Cosine by {like.judge} to {like.to}, mean over all units' sweeps. From neutral to the last level it falls by "
        f"{drop.value:.3f} ({drop.low:.3f} to {drop.high:.3f})."
    )
    if like.neutral_auc:
        note += f" {len(like.known)} people of {len(like.neutral_auc)} have a neutral AUC of {KNOWN_AUC} or more."
    return Table("Identity along the sweep", head, rows, note)


def _likeness_plot(like: Likeness) -> Plot:
    curve = Curve("all", like.levels, like.mean)
    return Plot("Identity by level", draw_likeness([curve], f"cosine to {like.to.split(' from')[0]}"))


def _gallery(found: Found) -> Gallery:
    """The first person's sweep of every unit."""
    first = found.wanted[0]
    own = [one for one in found.wanted if one.noise == first.noise]
    shown = [
        Shown(found.out / one.request.file, f"AU{one.unit} = {one.level:g}") for one in own if one.unit is not None
    ]
    return Gallery("Sweeps", shown, f"{first.person}: every unit from the same noise.")


def _ends(interval: Interval) -> list[Cell]:
    return [_value(interval), *(None if np.isnan(end) else float(end) for end in (interval.low, interval.high))]


def _value(interval: Interval) -> float | None:
    return None if np.isnan(interval.value) else float(interval.value)
