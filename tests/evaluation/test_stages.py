"""Stages: output shown, seconds and memory measured, failures told."""

import sys
from pathlib import Path

import pytest

from evaluation.stages import StageError, Stages, last_lines


@pytest.fixture
def stages(tmp_path: Path) -> Stages:
    return Stages(tmp_path / "logs", tmp_path)


def python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(lines)]


def test_output_is_shown_kept_and_timed(stages: Stages, capsys: pytest.CaptureFixture[str]) -> None:
    stages.run("align", python("print('one Ω face')"))
    assert "one Ω face" in capsys.readouterr().out
    assert (stages.logs / "align.log").read_text() == "one Ω face\n"
    assert 0 < stages.seconds["align"] < 10


def test_commands_of_one_stage_add_up(stages: Stages) -> None:
    stages.run("generate", python("import time; time.sleep(.3); print(1)"))
    first = stages.seconds["generate"]
    stages.run("generate", python("import time; time.sleep(.3); print(2)"))
    assert stages.seconds["generate"] >= first + 0.3
    assert (stages.logs / "generate.log").read_text() == "1\n2\n"


def test_memory_of_children_counts(stages: Stages) -> None:
    big = "import time; block = bytearray(b'x') * (120 << 20); time.sleep(1)"
    stages.run("train", python("import subprocess, sys", f"subprocess.run([sys.executable, '-c', {big!r}])"))
    assert 120 < stages.peak_rss_mb["train"] < 400


def test_a_failing_stage_shows_its_last_lines(stages: Stages) -> None:
    command = python("for i in range(60): print('line', i)", "raise SystemExit('error: no face in cat.png')")
    with pytest.raises(StageError, match="stage align failed with exit code 1") as caught:
        stages.run("align", command)
    message = str(caught.value)
    assert message.endswith("error: no face in cat.png")
    assert "line 59" in message
    assert "line 10" not in message
    assert "align.log" in message
    assert "align" in stages.seconds


def test_a_program_that_is_not_there(stages: Stages) -> None:
    with pytest.raises(StageError, match="bashh cannot be started"):
        stages.run("align", ["bashh", "00_align_face.sh"])


def test_environment_and_folder(stages: Stages, tmp_path: Path) -> None:
    stages.run("extract", python("import os; print(os.environ['SD'], os.getcwd())"), env={"SD": "weights/embedded"})
    assert (stages.logs / "extract.log").read_text().split() == ["weights/embedded", str(tmp_path)]


def test_progress_bars_are_reduced_to_their_last_state(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_bytes(b"\x1b[32mstep 1\rstep 2\rstep 3\x1b[0m\r\n\r\ndone\r\n")
    assert last_lines(log) == "  step 3\n  done"


def test_a_terminal_stays_a_terminal(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a terminal on our side the command sees one too, so that it draws its progress bars."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    stages.run("train", python("import sys; print(sys.stdout.isatty())"))
    assert (stages.logs / "train.log").read_text().strip() == "True"
