"""What a run trains, in numbers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

ALL_STEPS = (0, -1)
USUAL = (1.0, ALL_STEPS)
"""Factor of the learning rate, and first step and end (-1: none), of what has none of its own."""

Group = tuple[str, tuple[float, tuple[int, int]]]
"""A part of the model, and how it is trained: see ``USUAL``."""


@dataclass(frozen=True)
class Trained:
    """What requires grad.

    Attributes:
        groups: part of the model and how it is trained -> number of its parameters trained so, in the model's order.
        total: all trained parameters.
        whole: all parameters of the model, trained or frozen.
        sizes: part of the model -> number of all its parameters.
    """

    groups: dict[Group, int]
    total: int
    whole: int
    sizes: dict[str, int]

    def lines(self, learning_rate: float | None = None) -> list[str]:
        """A small table: trained and all parameters of a part, their learning rate if given one, and their steps.

        A part of which some parameters are trained otherwise than others has a row for each.
        """
        rows = [["", "trained", "of", *(["learning rate"] if learning_rate else []), "steps"]]
        for (name, (factor, (first, end))), count in self.groups.items():
            rate = [f"{learning_rate * factor:.2e}"] if learning_rate else []
            steps = "all" if (first, end) == ALL_STEPS else f"from {first}" if end == -1 else f"{first} to {end - 1}"
            rows.append([name, f"{count:,}", f"{self.sizes[name]:,}", *rate, steps])
        rows.append(["in all", f"{self.total:,}", f"{self.whole:,}"])
        return _columns(rows)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, the first column to the left and the others to the right."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    lines = []
    for row in rows:
        first, *others = row
        lines.append("  ".join([first.ljust(widths[0]), *(cell.rjust(widths[i]) for i, cell in enumerate(others, 1))]))
    return lines


def trained(module: nn.Module, depth: int = 2, most: int = 12) -> Trained:
    """Count what requires grad in ``module``.

    Args:
        module: the model; its ``optimizer`` says which parts have learning rates and steps of their own.
        depth: name parts that make a group: 2 counts ``unet.down_blocks`` as one.
        most: parts; where there are more, fewer name parts are used.
    """
    optimizer: Any = getattr(module, "optimizer", None)
    counts: Counter[Group] = Counter()
    sizes: Counter[str] = Counter()
    for name, parameter in module.named_parameters():
        part = ".".join(name.split(".")[:depth])
        sizes[part] += parameter.numel()
        if parameter.requires_grad:
            how = optimizer.group_of(name) if hasattr(optimizer, "group_of") else USUAL
            counts[part, how] += parameter.numel()
    if len({part for part, _ in counts}) > most and depth > 1:
        return trained(module, depth - 1, most)
    return Trained(dict(counts), counts.total(), sizes.total(), dict(sizes))
