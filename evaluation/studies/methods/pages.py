"""What the studies of methods have in common on paper: the table, the picture of all cells, the plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from evaluation.report import Cell, Gallery, Report, Shown, Table, write_report
from evaluation.studies.document import markdown_table
from evaluation.studies.methods.cells import Cells
from evaluation.studies.methods.results import Result, shown
from ldm.files import atomic_path

COLUMNS = ("identity", "obedience", "sharpness", "diversity", "class identity", "class distance")
LABEL_PX = 240


def table(results: Sequence[Result]) -> str:
    """A row for each arm and look, as Markdown."""
    rows = [
        [
            result.name,
            f"{result.trained:,}",
            *(shown(result.interval(measure)) for measure in ("identity", "obedience")),
            *(number(result.interval(measure).value) for measure in COLUMNS[2:]),
            number(float(np.nanmean(result.values("detected"))), 2),
            number(float(np.nanmean(result.values("seconds"))), 0),
        ]
        for result in results
    ]
    head = ["", "trained", "identity", "obedience", *COLUMNS[2:], "face found", "CPU s"]
    return markdown_table(head, rows)


def number(value: float, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def sheet(results: Sequence[Result], cells: Cells, person: str) -> Image.Image:
    """All cells of a person with the first seed: a row an arm and look, a column a prompt and seed of drawing."""
    rows = [(one, cells.sheet(one.arm.key, person, one.cells[0][0].seed, one.steps)) for one in results]
    height, width = max(row.height for _, row in rows), max(row.width for _, row in rows)
    whole = Image.new("RGB", (LABEL_PX + width, height * len(rows)), "white")
    pen = ImageDraw.Draw(whole)
    for place, (result, row) in enumerate(rows):
        whole.paste(row, (LABEL_PX, place * height))
        pen.text((4, place * height + height // 2 - 5), result.name, fill="black")
    return whole


def pareto(results: Sequence[Result], path: Path, first: str = "identity", second: str = "obedience") -> None:
    """A plot of two measures, each arm's looks joined by a line; what nothing beats in both is ringed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes: Any = figure.add_subplot()
    points = {id(one): (one.interval(first).value, one.interval(second).value) for one in results}
    for key in dict.fromkeys(one.arm.key for one in results):
        own = [points[id(one)] for one in results if one.arm.key == key]
        axes.plot(*zip(*own, strict=True), marker="o", markersize=4, label=key)
    best = [points[id(one)] for one in front(results, first, second)]
    axes.scatter(*zip(*best, strict=True), s=120, facecolors="none", edgecolors="black")
    axes.set_xlabel(first)
    axes.set_ylabel(second)
    axes.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def front(results: Sequence[Result], first: str = "identity", second: str = "obedience") -> list[Result]:
    """The results that no other beats in both measures."""
    points = [(one.interval(first).value, np.nan_to_num(one.interval(second).value)) for one in results]
    return [
        one
        for one, (x, y) in zip(results, points, strict=True)
        if not any(a >= x and b >= y and (a, b) != (x, y) for a, b in points)
    ]


def write_pages(folder: Path, title: str, lead: str, results: Sequence[Result], sheets: Sequence[Path]) -> Path:
    """``report.html`` with all tables and the sheets, ``report.json``, and a CSV file of the table."""
    rows: list[list[Cell]] = []
    each: list[list[Cell]] = []
    for one in results:
        intervals = [one.interval(measure) for measure in COLUMNS]
        numbers = [_found(value) for interval in intervals for value in (interval.value, interval.low, interval.high)]
        rows.append([one.name, one.arm.rank, one.arm.rate, one.steps, one.trained, *numbers])
        values = [one.values(measure) for measure in COLUMNS]
        for i, own in enumerate(one.cells):
            for j, cell in enumerate(own):
                each.append([cell.arm, cell.steps, cell.person, cell.seed, *(_found(value[i, j]) for value in values)])
    columns = ["arm", "rank", "learning rate", "steps", "trained"]
    columns += [f"{measure}{what}" for measure in COLUMNS for what in ("", " low", " high")]
    parts: list[Table | Gallery] = [
        Table("Arms", columns, rows, "Means over people and seeds with 95 % intervals, both resampled."),
        Table("Cells", ["arm", "steps", "person", "seed", *COLUMNS], each),
        Gallery("All pictures", [Shown(path, path.stem) for path in sheets]),
    ]
    return write_report(folder, Report(title, lead, [], parts, {}))


def _found(value: float) -> float | None:
    """A number, or None where there was nothing to measure: no face to be sharp."""
    return None if np.isnan(value) else float(value)
