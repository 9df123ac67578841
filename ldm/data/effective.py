"""What a data set comes to in a run, in words: so that a folder that was understood otherwise is seen at the start."""

from collections.abc import Mapping
from typing import Any

PICTURES = "instance pictures"


def effective_lines(about: Mapping[str, Any], samples_a_step: int, max_steps: int) -> list[str]:
    """What takes part and how often, a line each.

    Args:
        about: what a data set's ``about()`` gave.
        samples_a_step: batch size x processes x accumulated batches.
        max_steps: of the run; below 1 where it has no end.
    """
    lines = []
    for key, value in about.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{name} ({count})" for name, count in value.items())
        if isinstance(value, list):
            lines += [f"{key}: {value[0]!r}", *(f"{'':{len(key) + 2}}{one!r}" for one in value[1:])] if value else []
        else:
            lines.append(f"{key}: {value}")
    if max_steps > 0 and about.get(PICTURES):
        each = max_steps * samples_a_step / about[PICTURES]
        lines.append(
            f"steps: {max_steps} x {samples_a_step} samples = each instance picture is seen {each:.1f} times on average"
        )
    return lines
