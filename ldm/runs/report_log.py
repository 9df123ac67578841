"""A report in a run's loggers: tables and pictures in TensorBoard, and in W&B where the run is there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from evaluation.report import Gallery, Report, Table, shown, thumbnail
from ldm.runs.folder import RunFolder
from ldm.runs.pictures import grid
from ldm.runs.weights_and_biases import Wandb

MOST_ROWS = 1000
"""Rows of a table that are logged at most."""


def loggers_of(run: RunFolder) -> list[Logger]:
    """TensorBoard of the run, and W&B if the run was logged there."""
    found: list[Logger] = [TensorBoardLogger(str(run.path), name="tensorboard", version="")]
    if (run.configs / "wandb.json").is_file():
        found.append(Wandb(run))
    return found


def log_report(loggers: Sequence[Logger], report: Report, step: int, prefix: str = "evaluation") -> None:
    """Enter the tables and galleries of ``report``, as of ``step`` (counted from 0); headline numbers as scalars."""
    headline = report.values.get("headline", {})
    numbers = {f"{prefix}/{name}": float(value) for name, value in headline.items() if value is not None}
    for one in loggers:
        one.log_metrics(numbers, step)
        if isinstance(one, TensorBoardLogger):
            _to_tensorboard(one.experiment, report, step, prefix)
            one.finalize("success")
        elif isinstance(one, Wandb):
            _to_wandb(one, report, step, prefix)
            one.finish()


def _to_tensorboard(writer: Any, report: Report, step: int, prefix: str) -> None:
    for table in report.tables():
        writer.add_text(f"{prefix}/{table.title}", _as_text(table), step)
    for gallery in report.galleries():
        writer.add_image(f"{prefix}/{gallery.title}", np.asarray(_sheet(gallery)), step, dataformats="HWC")


def _as_text(table: Table) -> str:
    lines = [table.columns, ["---"] * len(table.columns), *([shown(c) for c in row] for row in table.rows[:MOST_ROWS])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _sheet(gallery: Gallery) -> Any:
    """The pictures of a gallery on one sheet."""
    pictures = [thumbnail(one.picture) for one in gallery.shown]
    size = (max(p.width for p in pictures), max(p.height for p in pictures))
    return grid([picture.resize(size) for picture in pictures], columns=min(6, len(pictures)))


def _to_wandb(logger: Wandb, report: Report, step: int, prefix: str) -> None:
    import wandb

    entries: dict[str, Any] = {}
    for table in report.tables():
        rows = [list(row) for row in table.rows[:MOST_ROWS]]
        columns = list(table.columns)
        if table.pictures:
            columns.append("picture")
            rows = [[*row, wandb.Image(thumbnail(file))] for row, file in zip(rows, table.pictures, strict=False)]
        entries[f"{prefix}/{table.title}"] = wandb.Table(columns=columns, data=rows, allow_mixed_types=True)
    for gallery in report.galleries():
        pictures = [wandb.Image(thumbnail(one.picture), caption=one.caption) for one in gallery.shown]
        entries[f"{prefix}/{gallery.title}"] = pictures
    logger.log_metrics(entries, step)
