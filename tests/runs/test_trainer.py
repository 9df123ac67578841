from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import ProgressBar

from ldm.config import load_config
from ldm.runs.checkpoint import CheckpointEvery
from ldm.runs.ema import Ema
from ldm.runs.folder import RunFolder
from ldm.runs.trainer import build_trainer, precision_for
from tests.runs.tiny import TinyModel, tiny_tree


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "tiny", OmegaConf.create(tiny_tree()), {})


def test_the_section_becomes_a_trainer(run: RunFolder) -> None:
    callbacks = {
        "ema": {"params": {"decay": 0.5}},
        "own": {"target": "tests.runs.tiny.CtrlC", "params": {"at_step": 9}},
    }
    section = tiny_tree(callbacks=callbacks)["lightning"]
    trainer = build_trainer(section, run).trainer
    assert (trainer.max_steps, trainer.num_devices, trainer.precision) == (4, 1, "32-true")
    names = [type(callback).__name__ for callback in trainer.callbacks]
    assert names[0] == "Ema", "who looks at the averages comes later"
    assert names[-1] == "CheckpointEvery", "it saves what the others have done"
    assert trainer.callbacks[0].decay == 0.5
    assert {"CtrlC", "ImageLogger", "StepStats", "StopOnBadLoss", "StopOnSignal", "PlainProgress"} < set(names)
    assert trainer.callbacks[-1].every_n_train_steps == 2
    assert trainer.callbacks[names.index("ImageLogger")].folder == run.images
    assert names.index("StepStats") < names.index("ImageLogger"), "a look at the pictures is no part of a step's time"


def test_null_leaves_a_callback_out(run: RunFolder) -> None:
    section = tiny_tree(callbacks={"image_logger": None, "own": None})["lightning"]
    names = {type(callback).__name__ for callback in build_trainer(section, run).trainer.callbacks}
    assert not {"ImageLogger", "CtrlC"} & names
    assert "CheckpointEvery" in names


def test_the_bar_can_be_left_out(run: RunFolder) -> None:
    callbacks = build_trainer({"trainer": {"enable_progress_bar": False, "max_steps": 1}}, run).trainer.callbacks
    assert not any(isinstance(callback, ProgressBar) for callback in callbacks)
    assert isinstance(callbacks[-1], CheckpointEvery)
    assert not any(isinstance(callback, Ema) for callback in callbacks)


def test_a_strategy_is_a_node(run: RunFolder) -> None:
    section = OmegaConf.to_container(OmegaConf.load(Path(__file__).parents[2] / "configs" / "strategy" / "ddp.yaml"))
    section["lightning"]["trainer"] |= {"accelerator": "cpu", "devices": 1, "max_steps": 1}
    assert type(build_trainer(section["lightning"], run).trainer.strategy).__name__ == "Ddp"


def test_the_published_schedule_leaves_the_published_files(run: RunFolder, root: Path) -> None:
    """aigc_id.yaml's own section: 800 steps counted from 0, a file after every 200; without the model's work."""
    config = load_config([root / "configs" / "stable-diffusion" / "aigc_id.yaml"], required=("model",))
    section: Any = OmegaConf.to_container(config.lightning)
    training = build_trainer(section | {"trainer": section["trainer"] | {"accelerator": "cpu"}}, run)
    real = training.trainer
    played: Any = SimpleNamespace(
        global_step=0, max_steps=real.max_steps, max_epochs=real.max_epochs, current_epoch=0, is_last_batch=False,
        should_stop=False, is_global_zero=True, loggers=[], strategy=real.strategy, callbacks=real.callbacks,
        save_checkpoint=lambda path, weights_only: path.write_bytes(bytes([played.global_step // 200])),
    )  # fmt: skip
    model = TinyModel()
    for played.global_step in range(1, real.max_steps + 1):
        training.saves.on_train_batch_end(played, model, None, None, played.global_step - 1)
    assert played.global_step == 800
    assert run.steps() == [199, 399, 599, 799]
    assert [path.name for path in run.exported()] == ["embeddings_gs-799.pt"]
    assert run.checkpoint().read_bytes() == b"\x04", "the last save is the one after the last step"


@pytest.mark.parametrize(
    ("wanted", "accelerator", "cuda", "bf16", "given"),
    [
        ("auto", "auto", False, False, "32-true"),
        ("auto", "auto", True, True, "bf16-mixed"),
        ("auto", "gpu", True, False, "16-mixed"),
        ("auto", "cpu", True, True, "32-true"),
        ("bf16-mixed", "cpu", False, False, "bf16-mixed"),
        (32, "auto", False, False, "32"),
        ("16-mixed", "gpu", True, False, "16-mixed"),
    ],
)
def test_precision(
    monkeypatch: pytest.MonkeyPatch, wanted: Any, accelerator: str, cuda: bool, bf16: bool, given: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
    assert precision_for(wanted, accelerator) == given


def test_fp16_needs_a_gpu() -> None:
    with pytest.raises(ValueError, match="precision: 16-mixed given, but fp16 needs a GPU"):
        precision_for("16-mixed", "cpu")
