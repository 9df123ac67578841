"""What a run trains, in numbers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

ALL_STEPS = (0, -1)


@dataclass(frozen=True)
class Trained:
    """What requires grad.

    Attributes:
        groups: part of the model -> number of its trained parameters, in the model's order.
        total: all trained parameters.
        whole: all parameters of the model, trained or frozen.
        sizes: part of the model -> number of all its parameters.
        times: part of the model -> factor of its learning rate, and first step and end (-1: none), where they differ
            from those of the run.
    """

    groups: dict[str, int]
    total: int
    whole: int
    sizes: dict[str, int] = field(default_factory=dict)
    times: dict[str, tuple[float, tuple[int, int]]] = field(default_factory=dict)

    def lines(self, learning_rate: float | None = None) -> list[str]:
        """A small table: trained and all parameters of each part, its learning rate if given one, and its steps."""
        rows = [["", "trained", "of", *(["learning rate"] if learning_rate else []), "steps"]]
        for name, count in self.groups.items():
            factor, (first, end) = self.times.get(name, (1.0, ALL_STEPS))
            rate = [f"{learning_rate * factor:.2e}"] if learning_rate else []
            steps = "all" if (first, end) == ALL_STEPS else f"from {first}" if end == -1 else f"{first} to {end - 1}"
            rows.append([name, f"{count:,}", f"{self.sizes.get(name, count):,}", *rate, steps])
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
        most: groups; where there are more, fewer name parts are used.
    """
    optimizer: Any = getattr(module, "optimizer", None)
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    times: dict[str, tuple[float, tuple[int, int]]] = {}
    for name, parameter in module.named_parameters():
        part = ".".join(name.split(".")[:depth])
        sizes[part] += parameter.numel()
        if parameter.requires_grad:
            counts[part] += parameter.numel()
            if hasattr(optimizer, "group_of"):
                times.setdefault(part, optimizer.group_of(name))
    if len(counts) > most and depth > 1:
        return trained(module, depth - 1, most)
    return Trained(dict(counts), counts.total(), sizes.total(), {name: sizes[name] for name in counts}, times)
