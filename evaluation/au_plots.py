"""Plots of action units: what was measured over what was asked for, and likeness along the way."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.bootstrap import Interval
from evaluation.curve import COLOURS, GREY, QUIET


@dataclass(frozen=True)
class Curve:
    """One line: a value with its interval at each level.

    Attributes:
        name: in the legend.
        levels: that were asked for.
        values: as many.
    """

    name: str
    levels: Sequence[float]
    values: Sequence[Interval]


def draw_responses(panels: Mapping[str, Sequence[Curve]], columns: int = 5, top: float = 5.0) -> bytes:
    """A PNG with one small panel for each entry of ``panels``; grey is what a perfect answer would be.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not panels:
        raise ValueError("no response to draw: no unit was asked for")
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    names = list(dict.fromkeys(curve.name for curves in panels.values() for curve in curves))
    with matplotlib.rc_context(QUIET):
        drawing = Figure(figsize=(2.1 * columns + 0.3, 1.9 * rows + 0.5), layout="constrained")
        axes = drawing.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for panel, (title, curves) in zip(axes, panels.items(), strict=False):
            panel.plot([0, top], [0, top], color=GREY, linewidth=0.8, linestyle=":")
            panel.set_title(title, fontsize=8)
            for curve in curves:
                colour = COLOURS[names.index(curve.name) % len(COLOURS)]
                low, high = [one.low for one in curve.values], [one.high for one in curve.values]
                panel.fill_between(curve.levels, low, high, color=colour, alpha=0.18, linewidth=0)
                values = [one.value for one in curve.values]
                panel.plot(curve.levels, values, color=colour, linewidth=1.6, marker="o", markersize=2.5)
        for panel in axes[len(panels) :]:
            panel.set_visible(False)
        lines = [matplotlib.lines.Line2D([], [], color=COLOURS[i % len(COLOURS)]) for i in range(len(names))]
        if len(names) > 1:
            drawing.legend(lines, names, loc="outside upper center", ncols=len(names), frameon=False)
        drawing.supxlabel("asked for", fontsize=9)
        drawing.supylabel("measured", fontsize=9)
        return _png(drawing)


def draw_likeness(curves: Sequence[Curve], label: str) -> bytes:
    """A PNG of likeness by level, a line for each curve."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(QUIET):
        drawing = Figure(figsize=(5.5, 2.8), layout="constrained")
        panel = drawing.subplots()
        for number, curve in enumerate(curves):
            colour = COLOURS[number % len(COLOURS)]
            low, high = [one.low for one in curve.values], [one.high for one in curve.values]
            panel.fill_between(curve.levels, low, high, color=colour, alpha=0.18, linewidth=0)
            panel.plot(curve.levels, [one.value for one in curve.values], color=colour, marker="o", label=curve.name)
        panel.set_xlabel("asked for")
        panel.set_ylabel(label)
        panel.set_ylim(bottom=min(0.0, *(one.low for curve in curves for one in curve.values)))
        if len(curves) > 1:
            panel.legend(frameon=False)
        return _png(drawing)


def _png(drawing: object) -> bytes:
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", dpi=150, transparent=True)  # type: ignore[attr-defined]
    return buffer.getvalue()
