"""A training in processes of its own, ended by Ctrl-C, SIGTERM or kill -9 in the middle of an epoch, and gone on with.

The signals come as a terminal or a cluster sends them: to one process and its workers, or to two that share the
training.
"""

import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ldm.runs.folder import RunFolder
from tests.runs.test_resume import differences

STEPS, EVERY, STOP = 6, 2, 3
SETTING = (
    "data.params.batch_size=2",
    "data.params.num_workers=2",
    "data.params.train.params.num_variants=0",  # pictures are varied anew each time
    "model.params.face_backend=yunet-sface",
    "lightning.callbacks.ema.params.decay=0.9",
    "lightning.callbacks.image_logger.params.disabled=true",
    f"lightning.modelcheckpoint.params.every_n_train_steps={EVERY}",
    "lightning.trainer.accumulate_grad_batches=2",
    "lightning.trainer.accelerator=cpu",
    f"lightning.trainer.max_steps={STEPS}",
    "lightning.callbacks.kill.target=tests.runs.tiny.Kill",
    "lightning.callbacks.kill.params.group=true",
    "lightning.callbacks.record.target=tests.runs.tiny.Record",
)


def call(root: Path, *words: object) -> tuple[int, str]:
    """Exit code and output of a run in a process group of its own, once its last process has ended."""
    command = [sys.executable, root / "main.py", *words]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        list(map(str, command)),
        env=environment,
        timeout=1200,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def train(root: Path, tiny_model: Path, tiny_manifest: Path):
    """A function that starts a run below ``logdir`` and gives its exit code and output."""

    def start(logdir: Path, processes: int, at_step: int, number: int = signal.SIGKILL) -> tuple[int, str]:
        configs = root / "configs" / "stable-diffusion" / "celeb_basis.yaml", root / "configs" / "strategy" / "ddp.yaml"
        base = ("--base", *configs[:processes], "-t", "-l", logdir)
        data = ("--actual_resume", tiny_model, "--data_root", tiny_manifest)
        share = (
            f"lightning.trainer.devices={processes}",
            f"data.params.train.params.repeats={6 * processes}",  # two photos; an epoch has three steps
        )
        kill = (
            f"lightning.callbacks.kill.params.at_step={at_step}",
            f"lightning.callbacks.kill.params.number={number:d}",
        )
        record = f"lightning.callbacks.record.params.path={logdir}.txt"
        return call(root, *base, *data, *SETTING, *share, *kill, record)

    return start


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory: pytest.TempPathFactory):
    """A function that gives the logs of a run by so many processes that was never stopped."""
    logs = tmp_path_factory.mktemp("whole")

    @cache
    def logs_of(processes: int) -> Path:
        code, out = train(logs / str(processes), processes, at_step=-1)
        assert code == 0, out
        return logs / str(processes)

    return logs_of


def run_in(logdir: Path) -> RunFolder:
    [path] = logdir.iterdir()
    return RunFolder.open(path)


def recorded(logdir: Path) -> list[Path]:
    """What each process wrote down of its batches."""
    return sorted(logdir.parent.glob(f"{logdir.name}.txt*"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("processes", [1, 2])
def test_going_on_equals_never_having_stopped(
    root: Path, train, whole, tmp_path: Path, processes: int, number: int
) -> None:
    logdir = tmp_path / "logs"
    interrupted = number != signal.SIGKILL
    code, out = train(logdir, processes, STOP, number)
    assert code == (128 + number if interrupted else -number), out
    assert ("Stopped and saved. Go on: " in out) == interrupted
    run = run_in(logdir)
    saved = STOP + 1 if interrupted else STOP - STOP % EVERY
    assert torch.load(run.checkpoint(), weights_only=True)["global_step"] == saved
    for path in recorded(logdir):
        path.unlink()
    code, out = call(root, "-r", run.path, "-t", "lightning.callbacks.kill.params.at_step=-1")
    assert code == 0, out
    whole_logs = whole(processes)
    assert len(recorded(logdir)) == processes
    for path, whole_path in zip(recorded(logdir), recorded(whole_logs), strict=True):
        lines, all_lines = path.read_text().splitlines(), whole_path.read_text().splitlines()
        assert len(all_lines) == 2 * STEPS
        assert lines == all_lines[2 * saved :], "the next batches and their losses"
    left, right = (torch.load(one.checkpoint(), weights_only=True) for one in (run_in(whole_logs), run))
    assert differences(left, right) == []
    name = f"embeddings_gs-{STEPS - 1}.safetensors"
    files = [load_file(one.checkpoints / name) for one in (run_in(whole_logs), run)]
    assert all(torch.equal(tensor, files[1][key]) for key, tensor in files[0].items())
