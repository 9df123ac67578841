from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from ldm.data.module import DataModuleFromConfig
from ldm.runs import checkpoint as checkpoint_module
from ldm.runs.checkpoint import CheckpointEvery, keep_as, lay_out_as_parameters, remove
from ldm.runs.whole import fault, read_manifest
from tests.runs.tiny import TinyModel

TRAIN = {"target": "tests.runs.tiny.TinyData", "params": {}}


def fit(folder: Path, callbacks: tuple[pl.Callback, ...] = (), every: int = 2, **trainer: Any) -> CheckpointEvery:
    saves = CheckpointEvery(folder, every)
    arguments = {"max_steps": 5, "accelerator": "cpu", "logger": False, "enable_progress_bar": False} | trainer
    arguments |= {"use_distributed_sampler": False, "enable_model_summary": False}
    data = DataModuleFromConfig(2, TRAIN, validation=TRAIN)
    pl.Trainer(**arguments, callbacks=[*callbacks, saves]).fit(TinyModel(), data)
    return saves


def exports(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("embeddings*"))


def test_steps_count_from_0_and_the_last_one_is_saved(tmp_path: Path) -> None:
    fit(tmp_path)
    assert exports(tmp_path) == ["embeddings_gs-1.pt", "embeddings_gs-3.pt", "embeddings_gs-4.pt"]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 5
    assert torch.load(tmp_path / "previous.ckpt", weights_only=True)["global_step"] == 4
    assert sorted(read_manifest(tmp_path)) == [*exports(tmp_path), "last.ckpt", "previous.ckpt"]
    assert all(fault(path) is None for path in tmp_path.glob("*.*t"))
    assert not list(tmp_path.glob(".*")), "nothing half-written stays behind"


def test_the_end_of_the_last_epoch_is_saved(tmp_path: Path) -> None:
    fit(tmp_path, every=100, max_steps=-1, max_epochs=2)
    assert exports(tmp_path) == ["embeddings_gs-11.pt"]


class StopAfterValidation(pl.Callback):
    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop = trainer.global_step > 0


def test_a_stop_during_validation_is_saved(tmp_path: Path) -> None:
    fit(tmp_path, (StopAfterValidation(),), every=100, max_steps=100, val_check_interval=3)
    assert exports(tmp_path) == ["embeddings_gs-2.pt"]


def test_a_failed_write_keeps_the_last_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class DiskFull(pl.Callback):
        def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:
            if trainer.global_step == 3:
                monkeypatch.setattr(checkpoint_module, "sync", full)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    with pytest.raises(OSError, match="no space left"):
        fit(tmp_path, (DiskFull(),))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 2
    assert fault(tmp_path / "last.ckpt") is None
    assert not list(tmp_path.glob(".*"))


def test_restored_state_lies_as_its_parameters_do() -> None:
    """A fused step goes through memory: with other strides it would move the wrong numbers."""
    weights, gradient = (torch.randn(2, 8, 4, 3, 3, generator=torch.Generator().manual_seed(0))).unbind()
    moved = []
    for layout in (torch.contiguous_format, torch.channels_last):
        parameter = torch.nn.Parameter(weights.clone(memory_format=layout))
        optimizer = torch.optim.AdamW([parameter], lr=0.1, fused=True)
        moments = {name: weights.clone(memory_format=torch.contiguous_format) for name in ("exp_avg", "exp_avg_sq")}
        moments = {name: moment.square() for name, moment in moments.items()}
        optimizer.state[parameter] = {"step": torch.tensor(3.0), **moments}
        lay_out_as_parameters(optimizer)
        parameter.grad = gradient.clone(memory_format=layout)
        optimizer.step()
        moved.append(parameter.detach())
    torch.testing.assert_close(moved[0], moved[1])


def test_saves_may_begin_late(tmp_path: Path) -> None:
    data = DataModuleFromConfig(2, TRAIN)
    arguments = {"max_steps": 7, "accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    trainer = pl.Trainer(**arguments, callbacks=[CheckpointEvery(tmp_path, 2, from_step=4)], enable_model_summary=False)
    trainer.fit(TinyModel(), data)
    assert exports(tmp_path) == ["embeddings_gs-3.pt", "embeddings_gs-5.pt", "embeddings_gs-6.pt"]


def test_what_a_killed_run_left_is_tidied_up(tmp_path: Path) -> None:
    for name in (".last.ckpt.writing", ".previous.ckpt.writing", ".embeddings_gs-1.pt.abcdefgh.pt"):
        (tmp_path / name).touch()
    fit(tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_a_second_name_works_without_hard_links_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(checkpoint_module.os, "link", refuse)
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    keep_as(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == "new"


def test_a_file_may_follow_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "shard").write_text("old")
    (tmp_path / "a").write_text("new")
    keep_as(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "new"


def test_folders_are_kept_and_removed_like_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "shard").write_text("new")
    keep_as(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "shard").read_text() == "new"
    remove(tmp_path / "b")
    remove(tmp_path / "never there")
    assert not list(tmp_path.iterdir())
