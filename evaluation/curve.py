"""A run's training curve from its TensorBoard files."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Series = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Steps (N,) and values (N,)."""


GREY = "#8a93a6"
QUIET = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "text.color": GREY,
    "axes.grid": True,
    "grid.color": GREY,
    "grid.alpha": 0.2,
    "font.size": 9,
}
"""Grey axes without a box, readable on light and dark ground."""
COLOURS = ("#3a6ee8", "#e07b39", "#3f9d63")


def read_scalars(folder: Path) -> dict[str, Series]:
    """All scalars logged anywhere below ``folder``, by tag; several event files of a resumed run are joined.

    A step that was logged twice, before and after a resume, has its later value.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    joined: dict[str, dict[int, tuple[float, float]]] = {}
    for file in sorted(folder.rglob("events.out.tfevents.*")):
        events = EventAccumulator(str(file), size_guidance={"scalars": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            points = joined.setdefault(tag, {})
            for event in events.Scalars(tag):
                if event.step not in points or points[event.step][0] <= event.wall_time:
                    points[event.step] = (event.wall_time, event.value)
    return {
        tag: (np.array(sorted(points), np.int64), np.array([points[s][1] for s in sorted(points)], np.float64))
        for tag, points in joined.items()
    }


def smoothed(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """(N,) centred moving average; at the ends over what there is."""
    window = max(1, min(window, values.size))
    ones = np.ones(window)
    return np.asarray(np.convolve(values, ones, "same") / np.convolve(np.ones_like(values), ones, "same"))


def draw_curves(curves: Mapping[str, Sequence[tuple[str, Series]]], width_in: float = 9.0) -> bytes:
    """A PNG with one panel per entry of ``curves``: y label -> lines (name, series), over training steps.

    Raises:
        ValueError: nothing to draw.
    """
    if not curves:
        raise ValueError("no curve to draw: nothing was logged")
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(QUIET):
        drawing = Figure(figsize=(width_in, 2.9), layout="constrained")
        panels = drawing.subplots(1, len(curves), squeeze=False)[0]
        for panel, (label, lines) in zip(panels, curves.items(), strict=True):
            for number, (name, (steps, values)) in enumerate(lines):
                colour = COLOURS[number % len(COLOURS)]
                if values.size > 40:
                    panel.plot(steps, values, color=colour, alpha=0.25, linewidth=0.8)
                    values = smoothed(values, values.size // 20)
                panel.plot(steps, values, color=colour, linewidth=1.8, label=name)
            panel.set_xlabel("training step")
            panel.set_ylabel(label)
            if len(lines) > 1:
                panel.legend(frameon=False)
        buffer = io.BytesIO()
        drawing.savefig(buffer, format="png", dpi=160, transparent=True)
    return buffer.getvalue()
