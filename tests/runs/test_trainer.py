import io
import logging
import re
import time
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from torch import nn

from ldm.runs import environment as environment_module
from ldm.runs.checkpoint import CheckpointEvery
from ldm.runs.ema import Ema
from ldm.runs.environment import commit, environment
from ldm.runs.finite import LossNotFiniteError, StopOnBadLoss
from ldm.runs.folder import RunFolder
from ldm.runs.memory import peak_rss_mb
from ldm.runs.progress import PlainProgress, StepBar, duration, progress_bar
from ldm.runs.summary import trained
from ldm.runs.trainer import build_trainer, precision_for
from tests.runs.tiny import TinyData, TinyModel, tiny_tree


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "tiny", OmegaConf.create(tiny_tree()), {})


def test_the_section_becomes_a_trainer(run: RunFolder) -> None:
    callbacks = {
        "ema": {"params": {"decay": 0.5}},
        "own": {"target": "tests.runs.tiny_sd.CtrlC", "params": {"at_step": 9}},
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
    assert trainer.callbacks[1].folder == run.images


def test_the_bar_can_be_left_out(run: RunFolder) -> None:
    callbacks = build_trainer({"trainer": {"enable_progress_bar": False, "max_steps": 1}}, run).trainer.callbacks
    assert not any(isinstance(callback, ProgressBar) for callback in callbacks)
    assert isinstance(callbacks[-1], CheckpointEvery)
    assert not any(isinstance(callback, Ema) for callback in callbacks)


def test_a_strategy_is_a_node(run: RunFolder) -> None:
    section = OmegaConf.to_container(OmegaConf.load(Path(__file__).parents[2] / "configs" / "strategy" / "ddp.yaml"))
    section["lightning"]["trainer"] |= {"accelerator": "cpu", "devices": 1, "max_steps": 1}
    assert type(build_trainer(section["lightning"], run).trainer.strategy).__name__ == "DDPStrategy"


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


def test_lines_where_there_is_no_terminal(run: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    bar = progress_bar()
    assert isinstance(bar, PlainProgress)
    trainer = pl.Trainer(
        max_steps=3, accelerator="cpu", logger=False, callbacks=[bar], enable_checkpointing=False,
        enable_model_summary=False,
    )  # fmt: skip
    with caplog.at_level(logging.INFO, logger="ldm.runs.progress"):
        trainer.fit(TinyModel(), torch.utils.data.DataLoader(TinyData(), batch_size=2))
    lines = [record.getMessage() for record in caplog.records if record.name == "ldm.runs.progress"]
    assert len(lines) == 2
    assert lines[0].startswith("step 1/3  loss ")
    assert lines[0].endswith("left")
    assert lines[1].startswith("step 3/3  loss ")


def test_no_lines_in_further_processes(caplog: pytest.LogCaptureFixture) -> None:
    bar = PlainProgress()
    assert bar.is_enabled
    bar.disable()
    trainer = pl.Trainer(
        max_steps=1, accelerator="cpu", logger=False, callbacks=[bar], enable_checkpointing=False,
        enable_model_summary=False,
    )  # fmt: skip
    with caplog.at_level(logging.INFO, logger="ldm.runs.progress"):
        trainer.fit(TinyModel(), torch.utils.data.DataLoader(TinyData(), batch_size=2))
    assert not [record for record in caplog.records if record.name == "ldm.runs.progress"]
    bar.enable()
    assert bar.is_enabled


def test_a_bar_over_the_steps_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert isinstance(progress_bar(), StepBar)
    screen = io.StringIO()
    bar = StepBar(every_s=0, console=Console(file=screen, force_terminal=True, width=120))
    trainer = pl.Trainer(
        max_steps=3, accelerator="cpu", logger=False, callbacks=[bar], enable_checkpointing=False,
        enable_model_summary=False, val_check_interval=2,
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(TinyData(), batch_size=2)
    trainer.fit(TinyModel(), loader, loader)
    assert "validating" in screen.getvalue()
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).strip().splitlines()[-1]
    assert re.search(r"training ━+ 3/3 loss \d\.\d{4}  \d\.\d\d s/step", last)


def test_the_bar_goes_when_something_breaks() -> None:
    bar = StepBar(console=Console(file=io.StringIO(), force_terminal=True))
    trainer = pl.Trainer(
        max_steps=3, accelerator="cpu", logger=False, callbacks=[bar, StopOnBadLoss()], enable_checkpointing=False,
        enable_model_summary=False,
    )  # fmt: skip
    with pytest.raises(LossNotFiniteError):
        trainer.fit(TinyModel(bad_at=1), torch.utils.data.DataLoader(TinyData(), batch_size=2))
    assert not bar._bar.live.is_started


def test_durations() -> None:
    assert [duration(seconds) for seconds in (4.6, 143, 3840)] == ["5 s", "2 min 23 s", "1 h 4 min"]


def test_what_is_trained_in_numbers() -> None:
    found = trained(TinyModel())
    assert (found.groups, found.total, found.whole) == ({"head.weight": 4, "head.bias": 1}, 5, 201)
    assert found.lines()[-1] == "in the model  201"
    many = nn.ModuleDict({"a": nn.ModuleList(nn.Linear(1, 1) for _ in range(20)), "b": nn.Linear(1, 1)})
    assert trained(many).groups == {"a": 40, "b": 2}


def test_the_environment_names_versions_and_command() -> None:
    found = environment(23, ["main.py", "-t"])
    assert found["command"] == ["main.py", "-t"]
    assert found["seed"] == 23
    assert found["packages"]["torch"] == torch.__version__
    assert found["started"].startswith(time.strftime("%Y"))


def test_a_checkout_without_git_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit(tmp_path) is None

    def no_git(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(environment_module.subprocess, "run", no_git)
    assert commit(Path(__file__).parent) is None


def test_peak_memory_only_grows() -> None:
    before = peak_rss_mb()
    assert 50 < before <= peak_rss_mb() < 100_000
