"""From readings to numbers: each unit as one reader sees it, and the gates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.au_metrics import REPLICATES, Agreement, Dose, Marks, Values, against, agreement, dose, leak
from evaluation.bootstrap import Interval, bootstrap_mean
from evaluation.studies.action_units.readers import BY_PEOPLE, Reader, Reading, Readings, column
from evaluation.studies.action_units.requests import Wanted

GATE_AUC, GATE_SPEARMAN = 0.8, 0.7
"""Issue 7, of AU12 and AU25 by people's labels; the second for a model that is told by a vector."""


@dataclass(frozen=True)
class UnitResult:
    """One unit in the eyes of one reader.

    Attributes:
        unit: which.
        reader: who reads.
        independent: whether the reader had no part in labelling.
        alone: asked for by itself, against not asked for.
        as_real: asked for together with what real faces do; None where that was not drawn.
        dose: the response to a rising intensity.
        levels: that were asked for.
        curve: what was measured at each where a face was found, mean over people; NaN where there is none.
        leak: points by which other units move from neutral to the last level; None where the reader reads no other.
        leak_share: the same in shares of the unit's own change; None where it does not change.
        leaks_into: the unit that moves most, and by how much.
    """

    unit: int
    reader: str
    independent: bool
    alone: Agreement
    as_real: Agreement | None
    dose: Dose
    levels: tuple[float, ...]
    curve: tuple[Interval, ...]
    leak: Interval | None
    leak_share: float | None
    leaks_into: tuple[int, float] | None


def unit_results(
    wanted: Sequence[Wanted],
    readings: Readings,
    readers: Sequence[Reader],
    units: Sequence[int],
    replicates: int = REPLICATES,
) -> list[UnitResult]:
    """Every unit of ``units`` by every reader that reads it; ``readings`` are in the order of ``wanted``."""
    found = []
    for unit in units:
        for reader in readers:
            if unit in reader.present_from:
                found.append(_result(unit, reader, wanted, readings[reader.name], replicates))
    return found


def _result(
    unit: int, reader: Reader, wanted: Sequence[Wanted], said: Sequence[Reading | None], replicates: int
) -> UnitResult:
    sweep = [place for place, one in enumerate(wanted) if one.unit == unit]
    whole = [place for place, one in enumerate(wanted) if one.unit is None and unit in one.present]
    at = reader.present_from[unit]
    own, own_said = [wanted[place] for place in sweep], [said[place] for place in sweep]
    asked, measured = np.array([one.asked[unit] for one in own]), column(own_said, unit)
    people = [one.person for one in own]
    levels = tuple(sorted(set(asked.tolist())))
    moved = _leaks(own, own_said, unit, sorted(reader.present_from.keys() - {unit}), levels)
    change = _change(people, asked, against(asked, measured), levels)
    return UnitResult(
        unit,
        reader.name,
        reader.independent,
        agreement(*_asked(own, unit), measured, people, at, replicates),
        _agreement_as_real([wanted[p] for p in whole], [said[p] for p in whole], unit, at, replicates),
        dose(asked, measured, people, [one.noise for one in own]),
        levels,
        tuple(_seen(_of_people(people, measured, (asked == level) & ~np.isnan(measured))) for level in levels),
        moved[0],
        moved[0].value / abs(change) if moved[0] is not None and abs(change) > 1e-6 else None,
        moved[1],
    )


def _agreement_as_real(
    wanted: Sequence[Wanted], said: Sequence[Reading | None], unit: int, at: float, replicates: int
) -> Agreement | None:
    if not wanted:
        return None
    return agreement(*_asked(wanted, unit), column(said, unit), [one.person for one in wanted], at, replicates)


def _asked(wanted: Sequence[Wanted], unit: int) -> tuple[Values, Values]:
    """(N,) whether the unit should be present, and how strong; NaN where that was not said."""
    there = [float(one.present[unit]) if unit in one.present else np.nan for one in wanted]
    return np.array(there), np.array([one.asked.get(unit, np.nan) for one in wanted])


def _of_people(people: Sequence[str], values: Values, chosen: Marks) -> list[float]:
    """Each person's mean of the chosen pictures."""
    who = np.asarray(people)
    own = {person: values[(who == person) & chosen] for person in dict.fromkeys(people)}
    return [float(some.mean()) for some in own.values() if len(some)]


def _seen(means: Sequence[float]) -> Interval:
    nothing = float("nan")
    return bootstrap_mean(means) if means else Interval(nothing, nothing, nothing, 0)


def _change(people: Sequence[str], asked: Values, measured: Values, levels: Sequence[float]) -> float:
    """Points by which the unit itself moves from the first to the last level, mean over people."""
    first, last = (float(np.mean(_of_people(people, measured, asked == x))) for x in (levels[0], levels[-1]))
    return last - first


def _leaks(
    wanted: Sequence[Wanted],
    said: Sequence[Reading | None],
    unit: int,
    others: Sequence[int],
    levels: Sequence[float],
) -> tuple[Interval | None, tuple[int, float] | None]:
    """How much other units move from the first to the last level, and which one most."""
    pairs: dict[str, dict[float, tuple[str, Reading]]] = {}
    for one, own in zip(wanted, said, strict=True):
        if own is not None:
            pairs.setdefault(one.noise, {})[one.asked[unit]] = (one.person, own)
    whole = [pair for pair in pairs.values() if levels[0] in pair and levels[-1] in pair]
    if not whole or not others:
        return None, None
    first, last = (np.array([[pair[x][1][u] for u in others] for pair in whole]) for x in (levels[0], levels[-1]))
    who = np.array([pair[levels[0]][0] for pair in whole])
    by_person = [leak(first[who == person], last[who == person]) for person in dict.fromkeys(who.tolist())]
    moved = np.abs(last - first).mean(0)
    most = int(moved.argmax())
    return bootstrap_mean(by_person), (others[most], float(moved[most]))


@dataclass(frozen=True)
class Gate:
    """Something that should hold.

    Attributes:
        what: in words.
        found: the number.
        low: lower end of its interval; None where there is none.
        high: upper end.
        wanted: what it should at least be.
    """

    what: str
    found: float | None
    low: float | None
    high: float | None
    wanted: float

    @property
    def met(self) -> bool:
        """Whether the number is high enough."""
        return self.found is not None and self.found >= self.wanted


def gates(results: Sequence[UnitResult], by_vector: bool) -> list[Gate]:
    """Those of the units that people labelled, by readers that had no part in labelling."""
    found = []
    for one in results:
        if one.unit in BY_PEOPLE and one.independent:
            auc, rank = one.alone.auc, one.dose.spearman
            found.append(Gate(f"AU{one.unit}: AUC of asked for against measured", *_ends(auc), GATE_AUC))
            if by_vector:
                found.append(Gate(f"AU{one.unit}: Spearman of the sweep", *_ends(rank), GATE_SPEARMAN))
    return found


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.value, interval.low, interval.high


def faces_found(readings: Readings) -> Mapping[str, float]:
    """By reader, the share of all pictures in which a face was found."""
    return {name: float(np.mean([own is not None for own in said])) for name, said in readings.items()}
