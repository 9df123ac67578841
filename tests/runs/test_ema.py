from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from ldm.data.module import DataModuleFromConfig
from ldm.runs.ema import Ema, averaged, trained_parameters
from tests.runs.tiny import TinyModel

TRAIN = {"target": "tests.runs.tiny.TinyData", "params": {}}


class Watch(pl.Callback):
    """Remembers the trained weight after every step, and during validation."""

    def __init__(self) -> None:
        self.weights: list[Tensor] = []
        self.validated: list[Tensor] = []

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        if trainer.global_step > len(self.weights):
            self.weights.append(pl_module.head.weight.detach().clone())

    def on_validation_batch_start(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        self.validated.append(pl_module.head.weight.detach().clone())


def fit(ema: Ema, **trainer: Any) -> tuple[TinyModel, Watch, pl.Trainer]:
    watch, model = Watch(), TinyModel()
    arguments: dict[str, Any] = {"max_steps": 4, "accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    arguments |= {"enable_model_summary": False, "enable_checkpointing": False, "num_sanity_val_steps": 0}
    fitted = pl.Trainer(**arguments | trainer, callbacks=[ema, watch])
    fitted.fit(model, DataModuleFromConfig(2, TRAIN, validation=TRAIN))
    return model, watch, fitted


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_average_is_the_formula(accumulate: int) -> None:
    expected = TinyModel().head.weight.detach()
    ema = Ema(decay=0.2)
    _, watch, _ = fit(ema, accumulate_grad_batches=accumulate)
    for step, weight in enumerate(watch.weights, start=1):
        decay = min(0.2, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weight
    assert ema.updates == 4
    torch.testing.assert_close(ema.averages["head.weight"], expected)


def test_only_what_is_trained_is_averaged() -> None:
    ema = Ema()
    model, _, _ = fit(ema)
    assert list(ema.averages) == list(trained_parameters(model)) == ["head.weight", "head.bias"]
    assert sorted(ema.state_dict()) == ["averages", "updates"]


def test_the_averages_stand_in_where_asked() -> None:
    ema = Ema(used_for=("validation", "exports"))
    model, watch, trainer = fit(ema, val_check_interval=4)
    assert watch.validated
    assert torch.equal(watch.validated[-1], ema.averages["head.weight"])
    assert torch.equal(model.head.weight, watch.weights[-1]), "training goes on with its own values"
    with averaged(trainer, model, "previews"):
        assert torch.equal(model.head.weight, watch.weights[-1])
    with averaged(trainer, model, "exports"):
        assert torch.equal(model.head.weight, ema.averages["head.weight"])
    assert torch.equal(model.head.weight, watch.weights[-1])


def test_validation_without_the_averages() -> None:
    _, watch, _ = fit(Ema(used_for=()), val_check_interval=4)
    assert torch.equal(watch.validated[-1], watch.weights[-1])


def test_averages_of_other_parameters_are_refused() -> None:
    ema = Ema()
    ema.load_state_dict({"updates": 1, "averages": {"other.weight": torch.zeros(1)}})
    with pytest.raises(KeyError, match=r"differ in 3 parameters, first 'head.bias'.*personalization_config"):
        fit(ema)
