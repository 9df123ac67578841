"""When a run is saved and how: whole files only, and always one good checkpoint on disk."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch
from pydantic import Field
from pytorch_lightning.plugins.io import TorchCheckpointIO

from ldm.config import Injected
from ldm.files import full_disk_named, sweep
from ldm.runs.ema import averaged
from ldm.runs.steps import StepEnd
from ldm.runs.strategies import whole_parameters
from ldm.runs.whole import seal

LAST, PREVIOUS, WRITING, KEEPING = "last.ckpt", "previous.ckpt", ".last.ckpt.writing", ".previous.ckpt.writing"


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


class StraightToDisk(TorchCheckpointIO):
    """Writes a checkpoint where it is to lie; Lightning makes it in memory first, then in the system's /tmp."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``.

        Raises:
            OSError: the disk is full, or does not want to be written.
        """
        with Path(path).open("wb") as file:
            torch.save(checkpoint, file)


class CheckpointEvery(pl.callbacks.Checkpoint):
    """Saves after every ``every_n_train_steps`` steps, after the last one, and when the run is asked to stop.

    Steps count from 0, as in CelebBasis: the 200th step is step 199 and leaves ``embeddings_gs-199``. A save is
    ``last.ckpt`` (all that going on needs; the one before stays as ``previous.ckpt``), what the model exports, and
    the manifest of them. Saves happen at the end of an optimizer step and nowhere else: that is where exact resume
    starts. Lightning runs this callback after all others.

    Args:
        folder: the run's ``checkpoints/``.
        every_n_train_steps: optimizer steps between two saves.
        from_step: the first save that is one of these; before, only the end or a stop is saved.
        keep_previous: keep the checkpoint before the last one, in case the disk damages a file.
    """

    def __init__(
        self,
        folder: Injected[Path],
        every_n_train_steps: Annotated[int, Field(gt=0)] = 200,
        keep_previous: bool = True,
        from_step: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.folder = folder
        self.every_n_train_steps, self.from_step = every_n_train_steps, from_step
        self.keep_previous = keep_previous
        self._step_end = StepEnd()
        self._saved: int | None = None  # the trainer's step count at the last save, once training has begun
        self._asked: list[Callable[[], object]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tidy up after a run that was killed; count from where the trainer is, maybe the very end of an epoch."""
        self._tidy_up(trainer)
        for optimizer in trainer.optimizers:
            lay_out_as_parameters(optimizer)
        open_next_epoch(trainer)
        self._step_end.start(trainer)
        self._saved = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when this was a step's last batch and its turn has come."""
        if self._step_end.reached(trainer) and (self._asked or self.due(trainer)):
            self.save(trainer, pl_module)

    def ask(self, then: Callable[[], object]) -> None:
        """Save at the end of this step although its turn has not come; ``then`` is called by the first process after.

        Every process has to ask.
        """
        self._asked.append(then)

    def due(self, trainer: pl.Trainer) -> bool:
        """Whether the step that has ended is one that is saved anyway."""
        last_epoch = trainer.max_epochs is not None and trainer.current_epoch + 1 == trainer.max_epochs
        return (
            (trainer.global_step % self.every_n_train_steps == 0 and trainer.global_step >= self.from_step)
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
        """Write the checkpoint, the export and the manifest; all processes take part.

        Raises:
            OSError: the disk is full, or does not want to be written; the checkpoint before is as it was.
        """
        step = trainer.global_step - 1
        try:
            with full_disk_named(self.folder / LAST):
                trainer.save_checkpoint(self.folder / WRITING, weights_only=False)
                with whole_parameters(trainer, pl_module):
                    if trainer.is_global_zero:
                        self._publish(trainer, pl_module, step)
        finally:
            self._tidy_up(trainer)
        self._saved = trainer.global_step
        asked, self._asked = self._asked, []
        for then in asked if trainer.is_global_zero else ():
            then()
        trainer.strategy.barrier("saved")

    def _tidy_up(self, trainer: pl.Trainer) -> None:
        if trainer.is_global_zero:
            sweep(self.folder)
            for name in (WRITING, KEEPING):
                remove(self.folder / name)

    def _publish(self, trainer: pl.Trainer, pl_module: pl.LightningModule, step: int) -> None:
        """Export, enter everything into the manifest, and only then let the new checkpoint take its place.

        Whenever this is cut off, the manifest knows a checkpoint that is there.
        """
        writing, files = self.folder / WRITING, []
        sync(writing)
        if isinstance(pl_module, Exports):
            with averaged(trainer, pl_module, "exports"):
                files = pl_module.export(self.folder, step)
        seal(self.folder, [*files, writing])
        seal(self.folder, [], renamed=self._replace_last())
        for logger in trainer.loggers:
            if isinstance(logger, TakesFiles):
                logger.log_files([self.folder / LAST, *files], step)

    def _replace_last(self) -> dict[str, str]:
        """Put the new checkpoint in its place, and say what each file was called before."""
        writing, last, previous = (self.folder / name for name in (WRITING, LAST, PREVIOUS))
        renamed = {LAST: WRITING}
        if last.exists() and (self.keep_previous or last.is_dir()):
            keep_as(last, previous)
            renamed[PREVIOUS] = LAST
        writing.replace(last)
        sync(self.folder)
        return renamed


def saves_of(trainer: pl.Trainer) -> CheckpointEvery | None:
    """The callback that saves the run of ``trainer``."""
    return next((one for one in trainer.callbacks if isinstance(one, CheckpointEvery)), None)  # type: ignore[attr-defined]


def open_next_epoch(trainer: pl.Trainer) -> None:
    """Let a run that was saved after an epoch's last batch begin the next one as an epoch of its own.

    Lightning closes the saved epoch, but still believes to be in the middle of one: without this it would count one
    epoch less and skip ``on_train_epoch_start``.
    """
    loop = trainer.fit_loop
    in_last_batch = loop.epoch_loop.restarted_on_train_batch_end and loop.epoch_loop.batch_progress.is_last_batch
    if loop.restarted_mid_epoch and in_last_batch:
        loop.reset_restart_stage()


def lay_out_as_parameters(optimizer: torch.optim.Optimizer) -> None:
    """Give restored state the strides of its parameters.

    A checkpoint may come from a device on which they lay otherwise (channels first or last), and the fused kernels of
    PyTorch go through memory without a look at strides.
    """
    for parameter, state in getattr(optimizer, "state", {}).items():
        for name, value in state.items():
            alike = isinstance(value, torch.Tensor) and value.shape == parameter.shape
            if alike and value.stride() != parameter.stride():
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def keep_as(path: Path, other: Path) -> None:
    """Give ``path`` a second name, without copying where the disk allows; a folder is moved."""
    if path.is_dir() or other.is_dir():
        remove(other)
    if path.is_dir():
        path.rename(other)
        return
    temporary = other.with_name(KEEPING)
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
