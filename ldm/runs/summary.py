"""What a run trains, in numbers."""

from collections import Counter
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Trained:
    """What requires grad.

    Attributes:
        groups: part of the model -> number of its trained parameters, in the model's order.
        total: all trained parameters.
        whole: all parameters of the model, trained or frozen.
    """

    groups: dict[str, int]
    total: int
    whole: int

    def lines(self) -> list[str]:
        """A small table."""
        rows = [*self.groups.items(), ("trained", self.total), ("in the model", self.whole)]
        width, digits = max(len(name) for name, _ in rows), max(len(f"{count:,}") for _, count in rows)
        return [f"{name:<{width}}  {count:>{digits},}" for name, count in rows]


def trained(module: nn.Module, depth: int = 2, most: int = 12) -> Trained:
    """Count what requires grad in ``module``.

    Args:
        module: the model.
        depth: name parts that make a group: 2 counts ``unet.down_blocks`` as one.
        most: groups; where there are more, fewer name parts are used.
    """
    counts: Counter[str] = Counter()
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            counts[".".join(name.split(".")[:depth])] += parameter.numel()
    if len(counts) > most and depth > 1:
        return trained(module, depth - 1, most)
    return Trained(dict(counts), counts.total(), sum(p.numel() for p in module.parameters()))
