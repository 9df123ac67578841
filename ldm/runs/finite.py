"""A loss that is no number stops the run, before it can spoil a checkpoint."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from ldm.runs.steps import StepEnd


class LossNotFiniteError(RuntimeError):
    """The loss became NaN or infinite."""


class StopOnBadLoss(pl.Callback):
    """Stops at the first loss that is not finite, and says where.

    On a CPU each step is looked at; elsewhere looking would wait for the device, so it is done every ``every_n_steps``
    steps and before each checkpoint: no checkpoint is ever made after a bad loss.

    Args:
        every_n_steps: how often to look where looking costs time.
    """

    def __init__(self, every_n_steps: int = 20) -> None:
        self.every_n_steps = every_n_steps
        self._first_bad: Tensor | None = None  # on the device: the first bad step, -1 while there is none
        self._step_end = StepEnd()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Nothing bad has been seen."""
        self._step_end.start(trainer)
        self._first_bad = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remember a bad loss on the device; look now and then."""
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if not isinstance(loss, Tensor):
            return
        stepped = self._step_end.reached(trainer)
        step = trainer.global_step - 1 if stepped else trainer.global_step
        if self._first_bad is None:
            self._first_bad = torch.full((), -1, device=loss.device)
        newly_bad = ~torch.isfinite(loss.detach()) & (self._first_bad < 0)
        self._first_bad = torch.where(newly_bad, step, self._first_bad)
        if loss.device.type == "cpu" or (stepped and trainer.global_step % self.every_n_steps == 0):
            self._look(trainer)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Look before anything is written."""
        self._look(trainer)

    def _look(self, trainer: pl.Trainer) -> None:
        step = -1 if self._first_bad is None else int(self._first_bad)
        if step >= 0:
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            raise LossNotFiniteError(
                f"the loss is not a finite number at step {step} (epoch {trainer.current_epoch}, learning rate "
                f"{rate:g}, precision {trainer.precision}): try a smaller model.base_learning_rate or "
                "lightning.trainer.precision=32-true; no checkpoint was written after it"
            )
