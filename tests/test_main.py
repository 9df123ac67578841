"""main.py from its options to its exit code, on a model that trains in no time."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from ldm.runs.folder import RunFolder
from main import main
from tests.runs.tiny import tiny_tree

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config on disk, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.yaml"
    OmegaConf.save(OmegaConf.create(tiny_tree()), path)
    return path


def run(*words: Any) -> int:
    return main([str(word) for word in words])


def only_run() -> RunFolder:
    [folder] = Path("logs").iterdir()
    return RunFolder.open(folder)


def test_training_leaves_a_run(
    tiny: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        assert run("--base", tiny, "-t", "--actual_resume", "weights/some", "-n", "celebbasis", "-f", "_a") == 0
    folder = only_run()
    assert folder.path.name.startswith("training2")
    assert folder.path.name.endswith("_celebbasis_a")
    assert folder.steps() == [1, 3]
    assert "learning rate 1.00e-01 = 1 (accumulate) x 1 (devices) x 2 (batch size) x 5.00e-02 (base)" in caplog.text
    assert re.search(r"what is trained:.*in all +5 +201", caplog.text, re.DOTALL)
    out = capsys.readouterr().out
    assert f"Results: {folder.path}" in out
    assert f"Next: bash 02_start_test.sh weights/some infer_images/example_prompt.txt {folder.path.name}" in out
    assert json.loads((folder.configs / "environment.json").read_text())["seed"] == 23


def test_going_on_is_as_if_never_stopped(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert run("--base", tiny, "-t", "-l", "whole", "-s", 5, "--scale_lr", "false") == 0
    assert run("--base", tiny, "-t", "-s", 5, "--scale_lr", "false", "lightning.trainer.max_steps=2") == 0
    folder = only_run()
    with caplog.at_level("WARNING"):
        assert run("-r", folder.path, "-t", "lightning.trainer.max_steps=4") == 0
    assert "going on with a changed config:\n  lightning.trainer.max_steps: 2 -> 4" in caplog.text
    [whole] = Path("whole").iterdir()
    states = [torch.load(path / "checkpoints" / "last.ckpt", weights_only=True) for path in (whole, folder.path)]
    for name, tensor in states[0]["state_dict"].items():
        assert torch.equal(tensor, states[1]["state_dict"][name])
    assert len(json.loads((folder.configs / "environment.json").read_text())["went_on"]) == 1
    assert OmegaConf.load(folder.lightning_config).lightning.trainer.max_steps == 4
    kept = OmegaConf.load(folder.project_config).model
    assert (kept.params.seed, kept.scale_lr) == (5, False)


def test_a_checkpoint_may_be_named(tiny: Path) -> None:
    assert run("--base", tiny, "-t") == 0
    folder = only_run()
    assert run("-r", folder.checkpoints / "previous.ckpt", "-t", "lightning.trainer.max_steps=3") == 0
    assert torch.load(folder.checkpoints / "last.ckpt", weights_only=True)["global_step"] == 3


def test_a_finished_run_has_nothing_left(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert run("--base", tiny, "-t") == 0
    with caplog.at_level("WARNING"):
        assert run("-r", only_run().path, "-t") == 0
    assert "nothing was left to train: the run has its 4 steps" in caplog.text


def with_test_data(tiny: Path) -> Path:
    tree = tiny_tree()
    tree["model"]["target"] = "tests.runs.tiny.TinyTestedModel"
    tree["data"]["params"]["test"] = {"target": "tests.runs.tiny.TinyData", "params": {"length": 2}}
    OmegaConf.save(OmegaConf.create(tree), tiny)
    return tiny


def test_test_data_is_used_afterwards_unless_told_not_to(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--base", with_test_data(tiny), "-t", "--no-test") == 0
    assert "test/loss" not in capsys.readouterr().out
    assert run("--base", with_test_data(tiny), "-t") == 0
    assert "test/loss" in capsys.readouterr().out


def test_a_dry_run_shows_and_writes_nothing(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--base", tiny, "--dry-run", "--data_root", "photos/ann.jsonl", "data.params.batch_size=1") == 0
    out = capsys.readouterr().out
    assert "batch_size: 1" in out
    assert "pickle_path: photos/ann.jsonl" in out
    assert re.search(r"head\.weight +4 ", out)
    assert re.search(r"in all +5 +201", out)
    assert not Path("logs").exists()


def test_without_t_the_config_is_only_checked(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--base", tiny) == 0
    assert "The config is sound. Add -t to train" in capsys.readouterr().out
    assert not Path("logs").exists()


def test_the_name_of_the_data_can_be_left_out(tiny: Path) -> None:
    assert run("--base", tiny, "-t", "--datadir_in_name", "false") == 0
    assert only_run().path.name.startswith("2")


def test_a_wrong_config_is_one_error(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--base", tiny, "-t", "model.params.sed=3", "lightning.trainer.max_step=3") == 1
    err = capsys.readouterr().err
    assert "2 problems in the config" in err
    assert "model.params.sed: TinyModel has no such parameter (did you mean 'seed'?)" in err
    assert "Traceback" not in err


def test_a_run_that_is_not_there(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-r", "logs/nothing", "-t") == 1
    assert "logs/nothing: no such run; logs holds no runs" in capsys.readouterr().err


def test_a_bad_loss_says_how_to_go_on(
    tiny: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert run("--base", tiny, "-t", "model.params.bad_at=3") == 1
    assert "the loss is not a finite number at step 3" in capsys.readouterr().err
    assert f"the last good checkpoint is kept; go on from it: python main.py -r {only_run().path} -t" in caplog.text


def test_debug_opens_the_debugger(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bool] = []
    monkeypatch.setattr("pdb.post_mortem", lambda: opened.append(True))
    assert run("--base", tiny, "-t", "-d", "model.params.bad_at=0") == 1
    assert opened == [True]


def test_wandb_can_be_asked_for(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert run("--base", tiny, "-t", "--wandb", "lightning.trainer.max_steps=1") == 0
    folder = only_run()
    assert OmegaConf.load(folder.lightning_config).lightning.logger == "wandb"
    assert list(folder.path.glob("wandb/offline-run-*/*.wandb"))
    assert list(folder.path.glob("tensorboard/events*"))


def test_help_is_there_at_once() -> None:
    command = [sys.executable, "-X", "importtime", "main.py", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "examples:" in done.stdout
    heavy = [line for line in done.stderr.splitlines() if line.split("|")[-1].strip() in ("torch", "pytorch_lightning")]
    assert heavy == []


def start_process(tiny: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "main.py"), "--base", str(tiny), "-t", "lightning.trainer.max_steps=100000"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*command, *words],
        cwd=tiny.parent,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def wait_for(pattern: str, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        if list(Path("logs").glob(pattern)):
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    raise TimeoutError(pattern)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_go_on(tiny: Path, number: signal.Signals, code: int) -> None:
    process = start_process(tiny)
    wait_for("*/checkpoints/last.ckpt", process)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    folder = only_run()
    assert process.returncode == code, out
    assert f"Stopped and saved. Go on: python main.py -r logs/{folder.path.name} -t" in out
    stopped_at = torch.load(folder.checkpoint(), weights_only=True)["global_step"]
    assert run("-r", folder.path, "-t", f"lightning.trainer.max_steps={stopped_at + 1}") == 0


@pytest.mark.slow
def test_kill_9_leaves_a_checkpoint_to_go_on_from(tiny: Path) -> None:
    for pause in (0.0, 0.05, 0.11):
        process = start_process(tiny, "-l", f"logs{pause}", "lightning.modelcheckpoint.params.every_n_train_steps=1")
        for _ in range(600):
            if list(Path(f"logs{pause}").glob("*/checkpoints/previous.ckpt")):
                break
            time.sleep(0.1)
        time.sleep(pause)
        process.kill()
        process.communicate()
        [path] = Path(f"logs{pause}").iterdir()
        step = torch.load(RunFolder.open(path).checkpoint(), weights_only=True)["global_step"]
        assert step > 0
        assert run("-r", path, "-t", f"lightning.trainer.max_steps={step + 1}") == 0


@pytest.mark.slow
def test_two_processes_go_on_as_if_never_stopped(tiny: Path) -> None:
    common = [
        sys.executable,
        str(ROOT / "main.py"),
        "-t",
        "lightning.trainer.devices=2",
        "lightning.trainer.accelerator=cpu",
    ]

    def train(*words: str) -> dict[str, Any]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([*common, *words], cwd=tiny.parent, env=environment, check=True, timeout=300)
        [folder] = Path(words[-1]).iterdir()
        state: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        return state

    new = ["--base", str(tiny), str(ROOT / "configs" / "strategy" / "ddp.yaml")]
    whole = train(*new, "-l", "whole")
    train(*new, "lightning.trainer.max_steps=2", "-l", "parts")
    [folder] = Path("parts").iterdir()
    parts = train("-r", str(folder), "lightning.trainer.max_steps=4", "-l", "parts")
    assert parts["global_step"] == whole["global_step"] == 4
    assert torch.equal(parts["state_dict"]["head.weight"], whole["state_dict"]["head.weight"])
    assert torch.equal(parts["state_dict"]["memory"], whole["state_dict"]["memory"])
