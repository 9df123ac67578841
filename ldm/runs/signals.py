"""Ctrl-C and SIGTERM: finish the step, save, stop."""

import logging
import signal
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl

from ldm.runs.steps import StepEnd

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopOnSignal(pl.Callback):
    """Turns a signal into an orderly stop at the end of the running step; a second one ends the process at once.

    It only asks the trainer to stop; ``CheckpointEvery``, which runs after it, saves then. With several processes a
    signal to one stops all, at the same step.

    Attributes:
        received: the signal, once one has come; a shell expects the exit code 128 + its number.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._step_end = StepEnd()
        self._before: dict[signal.Signals, Any] = {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Remember who handled the signals; Lightning takes them next."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in SIGNALS}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals over from Lightning, which would stop without saving."""
        self._step_end.start(trainer)
        for number in self._before:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise SystemExit(128 + number)
        self.received = signal.Signals(number)
        logger.warning("%s: finishing this step, then saving (once more to stop at once)", self.received.name)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Ask the trainer to stop when the step is finished, without a validation on the way."""
        if not self._step_end.reached(trainer):
            return
        if trainer.strategy.reduce_boolean_decision(self.received is not None, all=False):
            self.received = self.received or signal.SIGTERM
            trainer.limit_val_batches = 0
            trainer.fit_loop.min_epochs = 0
            trainer.fit_loop.epoch_loop.min_steps = None
            trainer.should_stop = True

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
