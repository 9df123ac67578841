"""Stopping and going on equals never having stopped, bit for bit on CPU."""

import os
import signal
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from ldm.data.module import DataModuleFromConfig
from ldm.modules.optimizer import AdamW
from ldm.runs.folder import RunFolder
from ldm.runs.trainer import build_trainer
from tests.runs.tiny import TinyModel, tiny_tree

EMA = {"ema": {"target": "ldm.runs.ema.Ema", "params": {"decay": 0.9}}}
TRAIN = {"target": "tests.runs.tiny.TinyData", "params": {"length": 11}}


class Run:
    """What a run left behind, in memory and on disk."""

    def __init__(self, folder: RunFolder, model: TinyModel) -> None:
        self.folder, self.model = folder, model
        self.checkpoint: dict[str, Any] = torch.load(folder.checkpoint(), weights_only=True)


def start(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "tiny", OmegaConf.create(tiny_tree()), {})


def train(
    folder: RunFolder,
    max_steps: int,
    resume: bool = False,
    num_workers: int = 0,
    accumulate: int = 2,
    batch_size: int = 2,
    validate: bool = False,
    more: tuple[pl.Callback, ...] = (),
    model: TinyModel | None = None,
) -> Run:
    model = model or TinyModel()
    data = DataModuleFromConfig(batch_size, TRAIN, validation=TRAIN if validate else None, num_workers=num_workers)
    trainer = {"max_steps": max_steps, "accumulate_grad_batches": accumulate, "log_every_n_steps": 1}
    lightning = {"trainer": trainer | {"accelerator": "cpu"}, "modelcheckpoint": {"params": {"every_n_train_steps": 5}}}
    training = build_trainer(lightning | {"callbacks": EMA}, folder)
    training.trainer.callbacks[:0] = more
    checkpoint = folder.checkpoint() if resume else None
    training.trainer.fit(model, data, ckpt_path=checkpoint, weights_only=True if resume else None)
    return Run(folder, model)


@lru_cache
def never_stopped(batch_size: int = 2, accumulate: int = 2, validate: bool = False) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        return train(start(Path(folder)), 7, batch_size=batch_size, accumulate=accumulate, validate=validate)


def differences(left: Any, right: Any, place: str = "") -> list[str]:
    """Where two checkpoints differ, tensors compared bit for bit."""
    if isinstance(left, dict):
        keys = left.keys() | right.keys()
        return [d for k in sorted(keys, key=str) for d in differences(left.get(k), right.get(k), f"{place}.{k}")]
    if isinstance(left, list | tuple):
        return [d for i, (a, b) in enumerate(zip(left, right, strict=True)) for d in differences(a, b, f"{place}[{i}]")]
    equal = torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right
    return [] if equal else [f"{place}: {left} {right}"]


# An epoch of 11 samples in batches of 2 has 6 batches, with accumulation 3 steps: 2 is inside the first, 3 is its end,
# 4 is inside the second; batches of 3 with accumulation 3 end an epoch on a step of one batch.
@pytest.mark.parametrize("stop", [1, 2, 3, 4])
@pytest.mark.parametrize(("batch_size", "accumulate"), [(2, 2), (3, 3), (2, 1)])
def test_going_on_equals_never_having_stopped(tmp_path: Path, stop: int, batch_size: int, accumulate: int) -> None:
    setting = {"batch_size": batch_size, "accumulate": accumulate}
    whole = never_stopped(**setting)
    first = train(start(tmp_path), stop, **setting)
    second = train(first.folder, 7, resume=True, **setting)
    assert first.model.seen + second.model.seen == whole.model.seen
    assert first.model.losses + second.model.losses == whole.model.losses
    assert differences(second.checkpoint, whole.checkpoint) == []


@pytest.mark.parametrize("stop", [2, 3])
def test_with_workers_and_validation_too(tmp_path: Path, stop: int) -> None:
    whole = never_stopped(validate=True)
    first = train(start(tmp_path), stop, num_workers=2, validate=True)
    second = train(first.folder, 7, resume=True, num_workers=2, validate=True)
    assert first.model.losses + second.model.losses == whole.model.losses
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "callbacks"):
        assert differences(second.checkpoint[part], whole.checkpoint[part]) == []


class Interrupt(pl.Callback):
    """Sends this process a signal at a batch, as Ctrl-C does."""

    def __init__(self, at_batch: int, number: signal.Signals) -> None:
        self.at_batch, self.number = at_batch, number

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:  # type: ignore[no-untyped-def]
        if trainer.fit_loop.epoch_loop.total_batch_idx == self.at_batch:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at_batch", [0, 4, 5])
def test_a_signal_finishes_the_step_and_saves(tmp_path: Path, at_batch: int, number: signal.Signals) -> None:
    whole = never_stopped()
    first = train(start(tmp_path), 7, more=(Interrupt(at_batch, number),))
    assert len(first.model.losses) == 2 * (at_batch // 2 + 1), "the step's second batch is still trained"
    second = train(first.folder, 7, resume=True)
    assert first.model.losses + second.model.losses == whole.model.losses
    assert differences(second.checkpoint, whole.checkpoint) == []


def test_a_changed_batch_size_is_refused(tmp_path: Path) -> None:
    first = train(start(tmp_path), 2)
    with pytest.raises(ValueError, match="its order has changed: batch_size was 2, is 3"):
        train(first.folder, 4, resume=True, batch_size=3)


class Warming(TinyModel):
    """Trained by our AdamW."""

    def __init__(self, learning_rate: float = 0.1) -> None:
        super().__init__()
        self.learning_rate = learning_rate

    def configure_optimizers(self) -> Any:
        return AdamW(warmup_steps=4).build(dict(self.head.named_parameters()), self.learning_rate, -1)


def test_a_changed_learning_rate_counts_from_the_next_step_on(tmp_path: Path) -> None:
    whole = train(start(tmp_path / "whole"), 5, model=Warming())
    first = train(start(tmp_path), 2, model=Warming())
    still = train(first.folder, 4, resume=True, model=Warming(0.0))
    assert still.checkpoint["global_step"] == 4
    assert still.checkpoint["state_dict"]["head.weight"].equal(first.checkpoint["state_dict"]["head.weight"])
    first = train(start(tmp_path / "again"), 2, model=Warming())
    same = train(first.folder, 5, resume=True, model=Warming())
    assert differences(same.checkpoint, whole.checkpoint) == []
