"""A training that two processes share, when a signal reaches only one of them: the other neither hangs nor is lost."""

import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from ldm.runs.folder import RunFolder
from tests.runs.test_resume import differences
from tests.runs.tiny import tiny_tree

STEPS, EVERY, STOP = 6, 2, 3
PATIENCE_S = 900.0
"""All processes of a run must have ended by then, on a slow machine too; ddp's own patience is twice as long."""


def call(root: Path, *words: object) -> tuple[int, str]:
    """Exit code and output of main.py, once the last process that writes there has ended."""
    command = [sys.executable, root / "main.py", *words, "-t"]
    with subprocess.Popen(
        list(map(str, command)),
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, _ = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, out


@pytest.fixture(scope="module")
def train(root: Path, tmp_path_factory: pytest.TempPathFactory):
    """A function that starts a run of two processes below a new folder; its logs, exit code and output."""

    def start(**kill: Any) -> tuple[Path, int, str]:
        folder = tmp_path_factory.mktemp("run")
        tree = tiny_tree(STEPS)
        tree["data"]["params"] |= {"num_workers": 2}
        tree["data"]["params"]["train"]["params"]["length"] = 22  # six batches a process, three steps an epoch
        lightning = tree["lightning"]
        lightning["trainer"] |= {"accumulate_grad_batches": 2, "devices": 2}
        lightning["modelcheckpoint"]["params"]["every_n_train_steps"] = EVERY
        lightning["callbacks"] = {
            "ema": {"params": {"decay": 0.9}},
            "kill": {"target": "tests.runs.tiny.Kill", "params": {"at_step": -1} | kill},
            "record": {"target": "tests.runs.tiny.Record", "params": {"path": str(folder / "seen")}},
        }
        OmegaConf.save(OmegaConf.create(tree), folder / "tiny.yaml")
        strategy = root / "configs" / "strategy" / "ddp.yaml"
        code, out = call(root, "--base", strategy, folder / "tiny.yaml", "-l", folder / "logs")
        return folder, code, out

    return start


@pytest.fixture(scope="module")
def whole(train):
    """A function that gives the run that was never stopped."""

    @cache
    def folder() -> Path:
        path, code, out = train()
        assert code == 0, out
        return path

    return folder


def run_in(folder: Path) -> RunFolder:
    [path] = (folder / "logs").iterdir()
    return RunFolder.open(path)


def seen(folder: Path) -> list[list[Any]]:
    """What each process wrote down of its batches: captions, sum of the pixels, loss."""
    return [[json.loads(line) for line in path.read_text().splitlines()] for path in sorted(folder.glob("seen*"))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "rank", "codes"),
    [
        (signal.SIGINT, 0, (130,)),
        (signal.SIGINT, 1, (143,)),  # the first process was asked by the other
        (signal.SIGKILL, 0, (-9,)),
        (signal.SIGKILL, 1, (1, -9)),  # its own error, or the end that Lightning's observer makes
    ],
)
def test_going_on_equals_never_having_stopped(
    root: Path, train, whole, number: int, rank: int, codes: tuple[int, ...]
) -> None:
    folder, code, out = train(at_step=STOP, number=int(number), rank=rank)
    assert code in codes, out
    run = run_in(folder)
    saved = STOP + 1 if number == signal.SIGINT else STOP - STOP % EVERY
    assert torch.load(run.checkpoint(), weights_only=True)["global_step"] == saved
    for path in folder.glob("seen*"):
        path.unlink()
    code, out = call(root, "-r", run.path, "lightning.callbacks.kill.params.at_step=-1")
    assert code == 0, out
    assert seen(folder) == [lines[2 * saved :] for lines in seen(whole())], "the next batches and their losses"
    left, right = (torch.load(run_in(one).checkpoint(), weights_only=True) for one in (whole(), folder))
    assert differences(left, right) == []
