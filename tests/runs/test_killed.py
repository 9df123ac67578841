"""kill -9 and a full disk at every moment of saving: the last good checkpoint stays, and nothing is half-written."""

import errno
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from ldm.data.module import DataModuleFromConfig
from ldm.runs.checkpoint import CheckpointEvery
from ldm.runs.folder import RunFolder
from ldm.runs.whole import fault, read_manifest
from tests.runs.tiny import TinyModel

TRAIN = {"target": "tests.runs.tiny.TinyData", "params": {}}
CALLS = ((os, "fsync"), (os, "replace"), (os, "rename"), (os, "link"), (os, "unlink"), (torch, "save"))
"""What saving asks of the disk."""


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fill() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@contextmanager
def at_moment(moment: int, happens: Callable[[], None]) -> Iterator[list[str]]:
    """Inside the block, ``happens`` comes before the n-th call to the disk; of a file, half is written before.

    Gives the names of the calls made.
    """
    made: list[str] = []

    def wrapped(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if name == "unlink" and happens is fill:  # a full disk lets files go
                return original(*arguments, **named)
            made.append(name)
            if len(made) == moment:
                if name == "save" and hasattr(arguments[1], "write"):
                    arguments[1].write(b"half of a checkpoint")
                    arguments[1].flush()
                happens()
            return original(*arguments, **named)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for module, name in CALLS:
            patch.setattr(module, name, wrapped(name, getattr(module, name)))
        yield made


def killed(moment: int, work: Callable[[], None]) -> bool:
    """Whether a copy of this process that does ``work`` came to the moment at which it is killed."""
    if (child := os.fork()) == 0:
        with at_moment(moment, kill):
            work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


class AtStep(pl.Callback):
    """Does something at a step, before it is saved."""

    def __init__(self, step: int, work: Callable[[pl.Trainer, pl.LightningModule], None]) -> None:
        self.step, self.work = step, work

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if trainer.global_step == self.step:
            self.work(trainer, pl_module)


def train(run: RunFolder, keep_previous: bool, work: Callable[..., None]) -> None:
    """Five steps, saved after 2 and 4; ``work`` gets a function that saves step 5."""
    saves = CheckpointEvery(run.checkpoints, 2, keep_previous)

    def with_save(trainer: pl.Trainer, module: pl.LightningModule) -> None:
        work(lambda: saves.save(trainer, module))

    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    callbacks = [AtStep(5, with_save), saves]
    trainer = pl.Trainer(max_steps=5, accelerator="cpu", callbacks=callbacks, use_distributed_sampler=False, **quiet)
    trainer.fit(TinyModel(), DataModuleFromConfig(2, TRAIN))


def good_step(run: RunFolder) -> int:
    """The step of the checkpoint that the run would go on from; every file that the manifest knows is whole."""
    known = [run.checkpoints / name for name in read_manifest(run.checkpoints)]
    assert [path for path in known if path.exists() and fault(path)] in ([], [run.checkpoints / "last.ckpt"])
    state = torch.load(run.checkpoint(), weights_only=True)
    assert all(torch.isfinite(tensor).all() for tensor in state["state_dict"].values())
    return int(state["global_step"])


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run", "now")
    folder.checkpoints.mkdir(parents=True)
    return folder


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("keep_previous", [True, False])
def test_killed_at_any_moment_of_saving(run: RunFolder, keep_previous: bool) -> None:
    steps = []

    def kill_everywhere(save: Callable[[], None]) -> None:
        before = run.path.with_name("before")
        shutil.copytree(run.path, before)
        for moment in count(1):
            was_killed = killed(moment, save)
            steps.append(good_step(run))
            shutil.rmtree(run.path)
            shutil.copytree(before, run.path)
            if not was_killed:
                break

    train(run, keep_previous, kill_everywhere)
    assert steps == sorted(steps), "once the new checkpoint is there, it stays"
    assert (steps[0], steps[-1]) == (4, 5)
    assert len(steps) > 12


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("keep_previous", [True, False])
def test_a_disk_that_is_full_at_any_moment_of_saving(run: RunFolder, keep_previous: bool) -> None:
    steps, messages = [], []

    def fill_everywhere(save: Callable[[], None]) -> None:
        before = run.path.with_name("before")
        shutil.copytree(run.path, before)
        for moment in count(1):
            with at_moment(moment, fill) as made:
                try:
                    save()
                except OSError as error:
                    messages.append(str(error))
            steps.append(good_step(run))
            assert not list(run.checkpoints.glob(".*"))
            shutil.rmtree(run.path)
            shutil.copytree(before, run.path)
            if len(made) < moment:
                break

    train(run, keep_previous, fill_everywhere)
    assert (steps[0], steps[-1]) == (4, 5)
    assert len(steps) > 8
    assert all("o space left" in message for message in messages)
