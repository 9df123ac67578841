"""How fast a run is and what it needs."""

import time
from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from ldm.runs.memory import peak_memory_mb, peak_reserved_mb
from ldm.runs.steps import StepEnd


class StepStats(pl.Callback):
    """Logs ``stats/step_s``, ``stats/samples_per_s`` and ``stats/peak_memory_mb`` every ``log_every_n_steps`` steps.

    On a CUDA device the latter is what tensors were in; what torch took for them is ``stats/peak_reserved_mb``.
    Times are means since the last log, taken on the host: nothing waits for the device. Validation, previews and
    saves are left out of them.
    """

    def __init__(self) -> None:
        self._step_end = StepEnd()
        self._began = 0.0
        self._seconds = 0.0
        self._samples = 0
        self._steps = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count from where the trainer is."""
        self._step_end.start(trainer)
        self._seconds, self._samples, self._steps = 0.0, 0, 0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """A batch begins."""
        self._began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A batch has ended; every now and then, log."""
        self._seconds += time.perf_counter() - self._began
        self._samples += batch_size(batch) * trainer.world_size
        if not self._step_end.reached(trainer):
            return
        self._steps += 1
        if trainer.global_step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            stats = {
                "stats/step_s": self._seconds / self._steps,
                "stats/samples_per_s": self._samples / self._seconds,
                "stats/peak_memory_mb": peak_memory_mb(pl_module.device),
            }
            if pl_module.device.type == "cuda":
                stats["stats/peak_reserved_mb"] = peak_reserved_mb(pl_module.device)
            for logger in trainer.loggers:
                logger.log_metrics(stats, step=trainer.global_step - 1)
            self._seconds, self._samples, self._steps = 0.0, 0, 0


def batch_size(batch: Any) -> int:
    """Samples in a batch: the length of its first tensor or list."""
    values = batch.values() if isinstance(batch, dict) else batch if isinstance(batch, list | tuple) else [batch]
    return next((len(value) for value in values if isinstance(value, Tensor | list) and len(value)), 0)
