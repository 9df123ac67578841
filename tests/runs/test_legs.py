"""Legs: a training that ends, one that is stopped in time, one that fails."""

from pathlib import Path

import pytest

from ldm.runs import legs
from ldm.runs.legs import Leg, LegOver, train_run

STUB = """
import signal, sys, time
from pathlib import Path
words = sys.argv[1:]
Path("asked.txt").write_text(" ".join(words))
run = Path("runs/2026_x_vae"); (run / "checkpoints").mkdir(parents=True, exist_ok=True)
def stop(number, frame):
    (run / "checkpoints" / "vae_gs-7").mkdir()
    sys.exit(128 + number)
signal.signal(signal.SIGTERM, stop)
if "slow=1" in words:
    print("ready", flush=True); time.sleep(60)
if "bad=1" in words:
    sys.exit(1)
(run / "checkpoints" / "vae_gs-9").mkdir()
"""


@pytest.fixture(autouse=True)
def _stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "main.py").write_text(STUB)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(legs.RunFolder, "open", lambda path: type("R", (), {"checkpoints": path / "checkpoints"})())


def test_a_training_that_ends_gives_its_last_export(tmp_path: Path) -> None:
    assert train_run(Path("runs"), "vae", Path("a.yaml"), ["x=1"], Leg(None)).name == "vae_gs-9"
    assert (tmp_path / "asked.txt").read_text() == "--base a.yaml -n vae -l runs -t --datadir_in_name false x=1"


def test_an_earlier_run_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "runs" / "2026_x_vae").mkdir(parents=True)
    train_run(Path("runs"), "vae", Path("a.yaml"), ["x=1"], Leg(None))
    assert (tmp_path / "asked.txt").read_text() == "-r runs/2026_x_vae -t --datadir_in_name false"


def test_a_leg_ends_in_time_with_everything_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "LEAST_S", 0.0)
    with pytest.raises(LegOver, match="the time is over: vae is saved in runs"):
        train_run(Path("runs"), "vae", Path("a.yaml"), ["slow=1"], Leg(1.5 / 60))
    assert Path("runs/2026_x_vae/checkpoints/vae_gs-7").is_dir()
    with pytest.raises(LegOver, match="the leg is over"):
        train_run(Path("runs"), "vae", Path("a.yaml"), [], Leg(0.0))


def test_a_training_that_fails_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="the training vae in runs ended with exit code 1"):
        train_run(Path("runs"), "vae", Path("a.yaml"), ["bad=1"], Leg(None))


def test_a_run_without_exports_is_named(tmp_path: Path) -> None:
    (tmp_path / "r" / "checkpoints").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="has exported nothing"):
        legs.last_export(tmp_path / "r")
