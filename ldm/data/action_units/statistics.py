"""How often units are present, and the weights that make up for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ldm.data.action_units.facs import FACS
from ldm.data.action_units.sample import AuSample


@dataclass(frozen=True)
class BaseRate:
    """How often a unit is present.

    Attributes:
        unit: which.
        known: pictures in which it is known.
        present: pictures in which it is present.
    """

    unit: int
    known: int
    present: int

    @property
    def rate(self) -> float:
        """Share of the known pictures; 0 where none is known."""
        return self.present / self.known if self.known else 0.0

    @property
    def always_f1(self) -> float:
        """The F1 of somebody who says "present" to every picture: what a detector has to beat."""
        return 2 * self.rate / (1 + self.rate)


def base_rates(samples: Sequence[AuSample]) -> list[BaseRate]:
    """For each unit that any sample has a label of; unknown ones do not count."""
    units = sorted({unit for sample in samples for unit in sample.occurrence})
    values = {unit: [value for one in samples if (value := one.occurrence.get(unit)) is not None] for unit in units}
    return [BaseRate(unit, len(known), sum(known)) for unit, known in values.items()]


def unit_weights(rates: Sequence[BaseRate]) -> dict[int, float]:
    """Inverse frequency, with mean 1 over the units that occur; 0 for one that never does."""
    inverse = {one.unit: 1 / one.rate if one.rate else 0.0 for one in rates}
    there = [value for value in inverse.values() if value]
    mean = sum(there) / len(there) if there else 1.0
    return {unit: value / mean for unit, value in inverse.items()}


def sample_weights(samples: Sequence[AuSample]) -> list[float]:
    """How often to draw each sample so that rare units are seen about as often as frequent ones; mean 1.

    A picture counts as much as the rarest unit it shows; one without any as much as its own kind is rare.
    """
    weights = unit_weights(base_rates(samples))
    empty = sum(not one.present for one in samples)
    neutral = len(samples) / empty if empty else 0.0
    inverse = {one.unit: 1 / one.rate for one in base_rates(samples) if one.rate}
    mean = sum(inverse.values()) / len(inverse) if inverse else 1.0
    drawn = [max((weights[unit] for unit in one.present), default=neutral / mean) for one in samples]
    total = sum(drawn) / len(drawn) if drawn else 1.0
    return [one / total for one in drawn]


def table(rates: Sequence[BaseRate]) -> list[str]:
    """The base rates in lines, with the F1 of an always-present answer beside them."""
    lines = [f"{'unit':<28}{'known':>9}{'present':>9}{'rate':>7}{'always F1':>11}"]
    weights = unit_weights(rates)
    lines[0] += f"{'weight':>9}"
    for one in rates:
        name = f"AU{one.unit} {FACS[one.unit].name if one.unit in FACS else ''}"
        lines.append(
            f"{name:<28}{one.known:>9}{one.present:>9}{one.rate:>7.3f}{one.always_f1:>11.3f}{weights[one.unit]:>9.2f}"
        )
    return lines
