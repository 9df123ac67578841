from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from ldm.data.module import DataModuleFromConfig
from ldm.runs.checkpoint import CheckpointEvery
from ldm.runs.finite import LossNotFiniteError, StopOnBadLoss
from tests.runs.tiny import TinyModel

TRAIN = {"target": "tests.runs.tiny.TinyData", "params": {}}


def fit(model: pl.LightningModule, *callbacks: pl.Callback) -> None:
    arguments: dict[str, Any] = {"max_steps": 8, "accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    arguments |= {"enable_model_summary": False, "enable_checkpointing": bool(callbacks[1:])}
    pl.Trainer(**arguments, callbacks=list(callbacks)).fit(model, DataModuleFromConfig(2, TRAIN))


def test_a_bad_loss_stops_the_run_and_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(LossNotFiniteError, match=r"not a finite number at step 5 \(epoch 0, learning rate 0\.0\d+"):
        fit(TinyModel(bad_at=5), StopOnBadLoss(), CheckpointEvery(tmp_path, 2))
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 4
    assert all(torch.isfinite(value).all() for value in checkpoint["state_dict"].values())


class Late(StopOnBadLoss):
    """Looks as on a GPU: not at every step."""

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, *rest: Any) -> None:
        self.look, self._look = self._look, lambda trainer: None  # type: ignore[method-assign]
        super().on_train_batch_end(trainer, pl_module, outputs, *rest)
        self._look = self.look  # type: ignore[method-assign]


def test_nothing_is_saved_after_a_bad_loss_that_was_not_looked_at(tmp_path: Path) -> None:
    with pytest.raises(LossNotFiniteError, match="at step 4"):
        fit(TinyModel(bad_at=4), Late(), CheckpointEvery(tmp_path, 2))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 4
    assert sorted(path.name for path in tmp_path.glob("embeddings*")) == ["embeddings_gs-1.pt", "embeddings_gs-3.pt"]


def test_a_good_run_is_left_alone() -> None:
    fit(TinyModel(), StopOnBadLoss())
