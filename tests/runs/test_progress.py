import io
import logging
import re

import pytest
import pytorch_lightning as pl
import torch
from rich.console import Console

from ldm.runs.finite import LossNotFiniteError, StopOnBadLoss
from ldm.runs.progress import PlainProgress, StepBar, duration, progress_bar
from tests.runs.tiny import TinyData, TinyModel


def test_lines_where_there_is_no_terminal(caplog: pytest.LogCaptureFixture) -> None:
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
    assert re.search(r"\d\.\d\d s/step  \d+\.\d+ pictures/s  \d+ s left$", lines[0])
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
