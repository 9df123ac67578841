"""When a run is saved and how: whole files only, and always one good checkpoint on disk."""

import os
import shutil
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import pytorch_lightning as pl
from pydantic import Field

from ldm.config import Injected
from ldm.runs.ema import averaged
from ldm.runs.steps import StepEnd
from ldm.runs.whole import seal

LAST, PREVIOUS, WRITING = "last.ckpt", "previous.ckpt", ".last.ckpt.writing"


@runtime_checkable
class Exports(Protocol):
    """A model that writes the files a user shares."""

    def export(self, folder: Path, step: int) -> list[Path]:
        """Write the files of ``step`` (counted from 0) into ``folder``; their paths."""
        ...


@runtime_checkable
class TakesFiles(Protocol):
    """A logger that keeps files, like W&B."""

    def log_files(self, files: list[Path], step: int) -> None:
        """Keep ``files``, written after ``step`` (counted from 0)."""
        ...


class CheckpointEvery(pl.callbacks.Checkpoint):
    """Saves after every ``every_n_train_steps`` steps, after the last one, and when the run is asked to stop.

    Steps count from 0, as in CelebBasis: the 200th step is step 199 and leaves ``embeddings_gs-199``. A save is
    ``last.ckpt`` (all that going on needs; the one before stays as ``previous.ckpt``) and what the model exports,
    then the manifest. Saves happen at the end of an optimizer step and nowhere else: that is where exact resume
    starts. Lightning runs this callback after all others.

    Args:
        folder: the run's ``checkpoints/``.
        every_n_train_steps: optimizer steps between two saves.
        keep_previous: keep the checkpoint before the last one, in case the disk damages a file.
    """

    def __init__(
        self, folder: Injected[Path], every_n_train_steps: Annotated[int, Field(gt=0)] = 200, keep_previous: bool = True
    ) -> None:
        self.folder = folder
        self.every_n_train_steps = every_n_train_steps
        self.keep_previous = keep_previous
        self._step_end = StepEnd()
        self._saved: int | None = None  # the trainer's step count at the last save, once training has begun

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count from where the trainer is, which may be the very end of an epoch."""
        open_next_epoch(trainer)
        self._step_end.start(trainer)
        self._saved = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when this was a step's last batch and its turn has come."""
        if self._step_end.reached(trainer) and self._due(trainer):
            self.save(trainer, pl_module)

    def _due(self, trainer: pl.Trainer) -> bool:
        last_epoch = trainer.max_epochs is not None and trainer.current_epoch + 1 == trainer.max_epochs
        return (
            trainer.global_step % self.every_n_train_steps == 0
            or trainer.global_step == trainer.max_steps
            or (trainer.is_last_batch and last_epoch)
            or trainer.should_stop
        )

    @property
    def began(self) -> bool:
        """Whether there was anything left to train."""
        return self._saved is not None

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save what a stop during validation left unsaved."""
        if trainer.global_step != self._saved:
            self.save(trainer, pl_module)

    def save(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the checkpoint, the export and the manifest, in this order; all processes take part."""
        step = trainer.global_step - 1
        try:
            trainer.save_checkpoint(self.folder / WRITING, weights_only=False)
            if trainer.is_global_zero:
                self._publish(trainer, pl_module, step)
        finally:
            if trainer.is_global_zero:
                remove(self.folder / WRITING)
        self._saved = trainer.global_step
        trainer.strategy.barrier("saved")

    def _publish(self, trainer: pl.Trainer, pl_module: pl.LightningModule, step: int) -> None:
        moved = self._replace_last()
        files = [self.folder / LAST]
        if isinstance(pl_module, Exports):
            with averaged(trainer, pl_module, "exports"):
                files += pl_module.export(self.folder, step)
        seal(self.folder, files, moved)
        for logger in trainer.loggers:
            if isinstance(logger, TakesFiles):
                logger.log_files(files, step)

    def _replace_last(self) -> dict[str, str]:
        """Put the new checkpoint in its place; at every moment either it or the one before is whole."""
        writing, last, previous = (self.folder / name for name in (WRITING, LAST, PREVIOUS))
        sync(writing)
        moved = {}
        if last.exists() and (self.keep_previous or last.is_dir()):
            keep_as(last, previous)
            moved = {PREVIOUS: LAST}
        writing.replace(last)
        sync(self.folder)
        return moved


def open_next_epoch(trainer: pl.Trainer) -> None:
    """Let a run that was saved after an epoch's last batch begin the next one as an epoch of its own.

    Lightning closes the saved epoch, but still believes to be in the middle of one: without this it would count one
    epoch less and skip ``on_train_epoch_start``.
    """
    loop = trainer.fit_loop
    in_last_batch = loop.epoch_loop.restarted_on_train_batch_end and loop.epoch_loop.batch_progress.is_last_batch
    if loop.restarted_mid_epoch and in_last_batch:
        loop.reset_restart_stage()


def keep_as(path: Path, other: Path) -> None:
    """Give ``path`` a second name, without copying where the disk allows; a folder is moved."""
    if path.is_dir():
        remove(other)
        path.rename(other)
        return
    temporary = other.with_name(f".{other.name}.writing")
    remove(temporary)
    try:
        os.link(path, temporary)
    except OSError:  # a file system without hard links
        shutil.copy2(path, temporary)
        sync(temporary)
    temporary.replace(other)


def remove(path: Path) -> None:
    """Remove a file or a folder; neither is also fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have the disk hold what was written: a file, a folder's list of names, or all files in a folder."""
    for file in [*path.rglob("*"), path] if path.is_dir() else [path]:
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
