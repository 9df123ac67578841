"""How far a run is: a bar on a terminal, a plain line now and then elsewhere."""

import logging
import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar, RichProgressBar

logger = logging.getLogger(__name__)


def progress_bar(every_s: float = 20.0) -> ProgressBar:
    """The bar for where the output goes: rich on a terminal, lines in a file or a pipe."""
    return RichProgressBar(leave=True) if sys.stdout.isatty() else PlainProgress(every_s)


class PlainProgress(ProgressBar):
    """Writes ``step 120/800  loss 0.0312  0.21 s/step  2 min 23 s left`` every few seconds.

    Args:
        every_s: seconds between two lines; the first and the last step always get one.
    """

    def __init__(self, every_s: float = 20.0) -> None:
        super().__init__()
        self.every_s = every_s
        self._enabled = True
        self._began, self._first_step, self._last_line, self._last_step = 0.0, 0, 0.0, -1

    @property
    def is_enabled(self) -> bool:
        """Whether lines are written (Lightning silences all processes but the first)."""
        return self._enabled

    def disable(self) -> None:
        """Write nothing."""
        self._enabled = False

    def enable(self) -> None:
        """Write again."""
        self._enabled = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The clock starts."""
        self._began, self._first_step, self._last_line = time.monotonic(), trainer.global_step, 0.0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a line if the last one is long ago."""
        if time.monotonic() - self._last_line >= self.every_s:
            self._write(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last step gets its line."""
        if trainer.global_step != self._last_step:
            self._write(trainer, pl_module)

    def _write(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._last_line, self._last_step = time.monotonic(), trainer.global_step
        done, total = trainer.global_step - self._first_step, total_steps(trainer)
        parts = [f"step {trainer.global_step}" + ("" if total is None else f"/{total}")]
        loss = trainer.callback_metrics.get("train/loss")
        if loss is not None:
            parts.append(f"loss {float(loss):.4f}")
        if done > 0:
            seconds = (time.monotonic() - self._began) / done
            parts.append(f"{seconds:.2f} s/step")
            if total is not None and total > trainer.global_step:
                parts.append(f"{duration(seconds * (total - trainer.global_step))} left")
        if self._enabled:
            logger.info("  ".join(parts))


def total_steps(trainer: pl.Trainer) -> int | None:
    """Optimizer steps of the whole run; None if it has no end."""
    steps = trainer.estimated_stepping_batches
    return int(steps) if steps not in (-1, float("inf")) else None


def duration(seconds: float) -> str:
    """``5 s``, ``2 min 23 s``, ``1 h 4 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
