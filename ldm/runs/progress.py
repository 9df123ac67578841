"""How far a run is: a bar on a terminal, a plain line now and then elsewhere."""

import logging
import sys
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ldm.bars import told
from ldm.runs.stats import batch_size

logger = logging.getLogger(__name__)


def progress_bar(every_s: float = 20.0) -> ProgressBar:
    """The bar for where the output goes: rich on a terminal, lines in a file or a pipe."""
    return StepBar() if sys.stdout.isatty() else PlainProgress(every_s)


class StepProgress(ProgressBar):
    """What both kinds share: they follow optimizer steps over the whole run, not batches of an epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self._began, self._first_step, self._pictures = 0.0, 0, 0

    @property
    def is_enabled(self) -> bool:
        """Whether anything is shown (Lightning silences all processes but the first)."""
        return self._enabled

    def disable(self) -> None:
        """Show nothing."""
        self._enabled = False

    def enable(self) -> None:
        """Show again."""
        self._enabled = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The clock starts."""
        self._began, self._first_step, self._pictures = time.monotonic(), trainer.global_step, 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the pictures of all processes."""
        self._pictures += batch_size(batch) * trainer.world_size

    def facts(self, trainer: pl.Trainer) -> list[str]:
        """``loss 0.0312``, ``0.21 s/step``, ``19.0 pictures/s`` and ``2 min 23 s left``, as far as they are known."""
        found = []
        if (loss := trainer.callback_metrics.get("train/loss")) is not None:
            found.append(f"loss {float(loss):.4f}")
        if (done := trainer.global_step - self._first_step) > 0:
            seconds, total = (time.monotonic() - self._began) / done, total_steps(trainer)
            found += [f"{seconds:.2f} s/step", f"{told(self._pictures / (seconds * done))} pictures/s"]
            if total is not None and total > trainer.global_step:
                found.append(f"{duration(seconds * (total - trainer.global_step))} left")
        return found


class PlainProgress(StepProgress):
    """Writes ``step 120/800  loss 0.0312  0.21 s/step  19.0 pictures/s  2 min 23 s left`` every few seconds.

    Args:
        every_s: seconds between two lines; the first and the last step always get one.
    """

    def __init__(self, every_s: float = 20.0) -> None:
        super().__init__()
        self.every_s = every_s
        self._last_line, self._last_step = float("-inf"), -1

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a line if the last one is long ago."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if time.monotonic() - self._last_line >= self.every_s:
            self._write(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last step gets its line."""
        if trainer.global_step != self._last_step:
            self._write(trainer)

    def _write(self, trainer: pl.Trainer) -> None:
        self._last_line, self._last_step = time.monotonic(), trainer.global_step
        total = total_steps(trainer)
        step = f"step {trainer.global_step}" + ("" if total is None else f"/{total}")
        if self._enabled:
            logger.info("  ".join([step, *self.facts(trainer)]))


class StepBar(StepProgress):
    """A bar over the steps of the run, on a terminal.

    Args:
        every_s: seconds between two looks at the loss, which wait for the device.
        console: where to draw; the terminal if None.
    """

    def __init__(self, every_s: float = 0.5, console: Console | None = None) -> None:
        super().__init__()
        self.every_s = every_s
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
        )
        self._bar = Progress(*columns, console=console)
        self._task = self._bar.add_task("training", total=None, facts="")
        self._last_look = float("-inf")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The bar appears."""
        super().on_train_start(trainer, pl_module)
        self._bar.update(self._task, total=total_steps(trainer), completed=trainer.global_step)
        if self._enabled:
            self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The bar grows."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self._bar.update(self._task, completed=trainer.global_step)
        if time.monotonic() - self._last_look >= self.every_s:
            self._last_look = time.monotonic()
            self._bar.update(self._task, facts="  ".join(self.facts(trainer)))

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say why nothing moves."""
        self._bar.update(self._task, description="validating", refresh=True)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Training again."""
        self._bar.update(self._task, description="training")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The last facts stay on the screen."""
        self._bar.update(self._task, completed=trainer.global_step, facts="  ".join(self.facts(trainer)))
        self._bar.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Give the terminal back."""
        self._bar.stop()


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
