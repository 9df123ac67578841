"""One labelled picture, and the book of what was odd about a data set."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

logger = logging.getLogger(__name__)

UNKNOWN = 9
"""What BP4D writes for a unit that was not coded; it is neither absent nor present."""


class AuDataError(ValueError):
    """Labels that cannot be used; the message says what was found and what is expected."""


@dataclass(frozen=True)
class AuSample:
    """What is known about one picture. A unit that is missing in a mapping, or None, is unknown: never absent.

    Attributes:
        path: the picture.
        subject: who it shows.
        task: what the person was made to do, or the video; empty where there is none.
        frame: its number there; None where there is none.
        occurrence: by unit, whether it is present.
        intensity: by unit, 0 to 5.
        meta: what else is known: gender, ethnicity, age.
    """

    path: Path
    subject: str
    task: str = ""
    frame: int | None = None
    occurrence: Mapping[int, bool | None] = field(default_factory=dict)
    intensity: Mapping[int, float | None] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)

    @property
    def present(self) -> list[int]:
        """Units that are known to be present, in their order."""
        return sorted(unit for unit, there in self.occurrence.items() if there)

    @property
    def known(self) -> bool:
        """Whether anything is known of any unit."""
        values = [*self.occurrence.values(), *self.intensity.values()]
        return any(value is not None for value in values)


class Oddities:
    """Counts what is odd, with the first place of each kind.

    Args:
        strict: raise at the first one instead.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def add(self, what: str, where: object, times: int = 1) -> None:
        """Count ``what`` ("label without picture"), seen ``where``.

        Raises:
            AuDataError: in strict mode.
        """
        if self.strict:
            raise AuDataError(f"{where}: {what} (strict mode stops at the first)")
        self.counts[what] += times
        self.first.setdefault(what, str(where))

    def lines(self) -> list[str]:
        """A line for each kind, the most frequent first."""
        return [f"{count} x {what}, first {self.first[what]}" for what, count in self.counts.most_common()]


NOT_SAID = ("", "nan", "9", "9.0", "-1", "-1.0", "na")


def occurrence_of(cell: str, where: object, odd: Oddities) -> bool | None:
    """0 or 1; 9, -1, empty and nan are unknown; anything else is too, and is counted."""
    value = number_of(cell, where, odd)
    if value is not None and value not in (0.0, 1.0):
        odd.add("occurrence that is not 0, 1 or 9", f"{where}: {cell!r}")
        return None
    return None if value is None else bool(value)


def intensity_of(cell: str, where: object, odd: Oddities) -> float | None:
    """0 to 5; 9, -1, empty and nan are unknown; anything else is too, and is counted."""
    value = number_of(cell, where, odd)
    if value is not None and not 0 <= value <= 5:
        odd.add("intensity outside 0 to 5", f"{where}: {cell!r}")
        return None
    return value


def number_of(cell: str, where: object, odd: Oddities, unknown: Sequence[str] = NOT_SAID) -> float | None:
    """The number in a cell; None for one of ``unknown``, and, counted, for what is no number."""
    text = cell.strip().lower()
    if text in unknown:
        return None
    try:
        return float(text)
    except ValueError:
        odd.add("cell that is no number", f"{where}: {cell!r}")
        return None


def kept(samples: Sequence[AuSample], odd: Oddities) -> list[AuSample]:
    """Those of ``samples`` of which something is known; the others are counted.

    Raises:
        AuDataError: none is left.
    """
    known = [sample for sample in samples if sample.known]
    if silent := [sample for sample in samples if not sample.known]:
        odd.add("row in which every unit is unknown", silent[0].path, len(silent))
    if not known:
        raise AuDataError(
            f"of {len(samples)} pictures with labels, none has a unit that is known"
            + "".join(f"\n  {x}" for x in odd.lines())
        )
    return known
