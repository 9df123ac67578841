"""What is looked at while a run goes on. `ImageLogger` here; `StepStats` in a file of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch
from pydantic import Field
from torch import Tensor, nn

from evaluation.judges import load_judge
from ldm.config import Injected
from ldm.runs.best_mark import CHOOSER
from ldm.runs.ema import averaged
from ldm.runs.likeness import KnownFaces, photos_of
from ldm.runs.loggers import Row, has_table, log_people, log_picture
from ldm.runs.pictures import grid, save_jpeg, to_pictures
from ldm.runs.stats import StepStats
from ldm.runs.steps import StepEnd
from ldm.runs.strategies import cuts_up

__all__ = ["ImageLogger", "StepStats"]


@runtime_checkable
class LogsImages(Protocol):
    """A model that can show what it does."""

    def log_images(self, batch: Any, num_images: int, seed: int) -> Mapping[str, Tensor]:
        """Pictures (N, 3, H, W) in [-1, 1] by what they show: inputs, reconstruction, samples, samples_scaled."""
        ...


class ImageLogger(pl.Callback):
    """Shows what the model draws: one grid per kind of picture, as a file and in every logger.

    Files are ``<folder>/train/<key>_gs-<step>_e-<epoch>_b-<batch>.jpg``, steps counted from 0 as for checkpoints.
    Where a logger has a table of people (W&B), guided samples are entered with how near they are to the training
    photos; the judge may be the network that conditioned.

    Args:
        batch_frequency: optimizer steps between two looks.
        max_images: pictures per grid.
        log_first_step: look after the very first step too.
        disabled: never look.
        seed: of the pictures; the same at every look, so that they can be compared.
        folder: the run's ``images/``.
    """

    def __init__(
        self,
        batch_frequency: Annotated[int, Field(gt=0)] = 600,
        max_images: Annotated[int, Field(gt=0)] = 8,
        log_first_step: bool = False,
        disabled: bool = False,
        seed: int = 23,
        folder: Injected[Path | None] = None,
    ) -> None:
        self.batch_frequency, self.max_images, self.log_first_step = batch_frequency, max_images, log_first_step
        self.disabled, self.seed, self.folder = disabled, seed, folder
        self._step_end = StepEnd()
        self._faces: KnownFaces | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count from where the trainer is."""
        self._step_end.start(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look when it is time."""
        due = trainer.global_step % self.batch_frequency == 0 or (self.log_first_step and trainer.global_step == 1)
        needed = trainer.is_global_zero or cuts_up(trainer)  # who holds a part of the networks must help to draw
        if self._step_end.reached(trainer) and due and needed and not self.disabled:
            self.look(trainer, pl_module, batch, batch_idx)

    def look(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        """Draw, save and log; the model and its modes are left as they were."""
        if not isinstance(pl_module, LogsImages):
            return
        with evaluating(pl_module), torch.no_grad(), averaged(trainer, pl_module, "previews"):
            shown = pl_module.log_images(batch, self.max_images, self.seed)
        if not trainer.is_global_zero:
            return
        step = trainer.global_step - 1
        captions = [str(caption) for caption in batch.get("caption", ())][: self.max_images]
        place = f"gs-{step:06d}_e-{trainer.current_epoch:06d}_b-{batch_idx:06d}"
        for key, images in shown.items():
            sheet = grid(to_pictures(images[: self.max_images]))
            if self.folder is not None:
                save_jpeg(sheet, self.folder / "train" / f"{key}_{place}.jpg")
            log_picture(trainer.loggers, f"train/{key}", sheet, " | ".join(captions), step)
        if has_table(trainer.loggers):
            if self._faces is None and (photos := photos_of(trainer)):
                self._faces = KnownFaces(load_judge(CHOOSER), photos)
            log_people(trainer.loggers, people(batch, captions, shown, step, self._faces), step)


def people(
    batch: Mapping[str, Any],
    captions: Sequence[str],
    shown: Mapping[str, Tensor],
    step: int,
    faces: KnownFaces | None = None,
) -> list[Row]:
    """A row for each person in each guided sample; empty where a batch tells of no people.

    ``faces`` has the people in the order of the run; without it nobody is scored, and they are "person 0", ...
    """
    drawn = shown.get("samples_scaled")
    if drawn is None or "ids" not in batch or not captions:
        return []
    names = list(faces.photos) if faces else []
    rows: list[Row] = []
    for ids, caption, picture in zip(batch["ids"].tolist(), captions, to_pictures(drawn), strict=False):
        there = [names[person] if names else f"person {person}" for person in ids if person >= 0]
        scored = faces.cosines(picture, there) if faces else [None] * len(there)
        rows += [Row(name, caption, step, picture, cosine) for name, cosine in zip(there, scored, strict=True)]
    return rows


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Inside the block all of ``module`` is in evaluation mode; afterwards each part is in its own mode again."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
