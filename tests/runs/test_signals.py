import signal
from typing import Any

import pytest
import pytorch_lightning as pl

from ldm.data.module import DataModuleFromConfig
from ldm.runs.signals import StopOnSignal
from tests.runs.tiny import TinyModel

TRAIN = {"target": "tests.runs.tiny.TinyData", "params": {}}


class Send(pl.Callback):
    """Sends the process ``times`` signals at step ``at_step``."""

    def __init__(self, number: signal.Signals, times: int = 1, at_step: int = 1) -> None:
        self.number, self.times, self.at_step = number, times, at_step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.at_step:
            for _ in range(self.times):
                signal.raise_signal(self.number)


def fit(*callbacks: pl.Callback, **trainer: Any) -> pl.Trainer:
    arguments: dict[str, Any] = {"max_steps": 9, "accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    arguments |= {"enable_model_summary": False, "enable_checkpointing": False}
    fitted = pl.Trainer(**arguments | trainer, callbacks=list(callbacks))
    fitted.fit(TinyModel(), DataModuleFromConfig(2, TRAIN, validation=TRAIN))
    return fitted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_step_is_finished_and_the_handlers_are_given_back(number: signal.Signals) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    stop = StopOnSignal()
    assert fit(Send(number), stop).global_step == 2
    assert stop.received == number
    assert {one: signal.getsignal(one) for one in before} == before


def test_a_least_number_of_steps_does_not_hold_a_signal_up() -> None:
    assert fit(Send(signal.SIGINT), StopOnSignal(), min_steps=8).global_step == 2


def test_no_validation_on_the_way_out() -> None:
    validated = []

    class Watch(pl.Callback):
        def on_validation_start(self, trainer: pl.Trainer, *_: Any) -> None:
            validated.append(trainer.global_step)

    fit(Send(signal.SIGTERM), StopOnSignal(), Watch(), num_sanity_val_steps=0)
    assert validated == []


def test_a_second_signal_ends_the_process_at_once() -> None:
    with pytest.raises(SystemExit) as stopped:
        fit(Send(signal.SIGINT, times=2), StopOnSignal())
    assert stopped.value.code == 130


def test_without_a_signal_nothing_happens() -> None:
    stop = StopOnSignal()
    assert fit(stop).global_step == 9
    assert stop.received is None
