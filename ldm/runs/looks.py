"""A callback that draws every so many steps: when it looks, and that the model is left as it was."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.utilities import rank_zero_only

from ldm.runs.callbacks import evaluating
from ldm.runs.ema import averaged
from ldm.runs.loggers import log_picture
from ldm.runs.steps import StepEnd
from ldm.runs.strategies import require_whole

Shown = tuple[str, Image.Image, str]
"""Of a picture for the loggers: its name there, the picture, and the words beside it."""


class Looks(pl.Callback):
    """Draws in the middle of a training; what is drawn, a class of its own says.

    Args:
        name: in the config, for messages.
        every_n_steps: optimizer steps between two looks.
        disabled: never look.
        folder: the run's ``images/``; without it nothing is drawn.
    """

    def __init__(self, name: str, every_n_steps: int, disabled: bool, folder: Path | None) -> None:
        self.name, self.every_n_steps, self.disabled, self.folder = name, every_n_steps, disabled, folder
        self._step_end = StepEnd()

    @abstractmethod
    def check(self, model: Any) -> None:
        """See that all of it can be drawn, before the first step; an error says what cannot."""

    @abstractmethod
    def draw(self, model: Any, folder: Path, step: int) -> Sequence[Shown]:
        """Draw with ``model``, which is in evaluation mode, write into ``folder``, and say what the loggers get."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """See that it can be drawn, before the first step.

        Raises:
            ValueError: no process could draw alone, or what ``check`` says.
        """
        self._step_end.start(trainer)
        if not self.disabled:
            require_whole(trainer, self.name)
            with evaluating(pl_module):
                self.check(pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look when it is time."""
        if self._step_end.reached(trainer) and trainer.global_step % self.every_n_steps == 0 and not self.disabled:
            self.look(trainer, pl_module)

    @rank_zero_only
    def look(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw, save and log; the model and its modes are left as they were."""
        if self.folder is None:
            return
        step = trainer.global_step - 1
        with evaluating(pl_module), torch.no_grad(), averaged(trainer, pl_module, "previews"):
            shown = self.draw(pl_module, self.folder, step)
        for tag, picture, words in shown:
            log_picture(trainer.loggers, tag, picture, words, step)
