"""A training in a process of its own, ended by Ctrl-C or kill -9 in the middle of an epoch, and gone on with."""

import os
import signal
import subprocess
import sys
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
    "data.params.train.params.repeats=4",
    "data.params.train.params.num_variants=0",  # pictures are varied anew each time
    "model.params.face_backend=yunet-sface",
    "lightning.callbacks.ema.params.decay=0.9",
    "lightning.callbacks.image_logger.params.disabled=true",
    f"lightning.modelcheckpoint.params.every_n_train_steps={EVERY}",
    "lightning.trainer.accumulate_grad_batches=2",
    "lightning.trainer.accelerator=cpu",
    f"lightning.trainer.max_steps={STEPS}",
    "lightning.callbacks.kill.target=tests.runs.tiny.Kill",
    "lightning.callbacks.record.target=tests.runs.tiny.Record",
)


def call(root: Path, *words: object) -> int:
    command = [sys.executable, root / "main.py", *words]
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run(list(map(str, command)), env=environment, timeout=1200, capture_output=True).returncode


@pytest.fixture(scope="module")
def train(root: Path, tiny_model: Path, tiny_manifest: Path):
    """A function that starts a run below ``logdir`` and gives its exit code."""

    def start(logdir: Path, at_step: int, number: int = signal.SIGKILL) -> int:
        base = ("--base", root / "configs" / "stable-diffusion" / "celeb_basis.yaml", "-t", "-l", logdir)
        data = ("--actual_resume", tiny_model, "--data_root", tiny_manifest)
        kill = (
            f"lightning.callbacks.kill.params.at_step={at_step}",
            f"lightning.callbacks.kill.params.number={number:d}",
        )
        record = f"lightning.callbacks.record.params.path={logdir}.txt"
        return call(root, *base, *data, *SETTING, *kill, record)

    return start


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory: pytest.TempPathFactory) -> Path:
    logdir = tmp_path_factory.mktemp("whole") / "logs"
    assert train(logdir, at_step=-1) == 0
    return logdir


def run_in(logdir: Path) -> RunFolder:
    [path] = logdir.iterdir()
    return RunFolder.open(path)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_going_on_equals_never_having_stopped(root: Path, train, whole: Path, tmp_path: Path, number: int) -> None:
    logdir = tmp_path / "logs"
    interrupted = number == signal.SIGINT
    assert train(logdir, STOP, number) == (128 + number if interrupted else -number)
    run, recorded = run_in(logdir), logdir.with_suffix(".txt")
    saved = STOP + 1 if interrupted else STOP - STOP % EVERY
    assert torch.load(run.checkpoint(), weights_only=True)["global_step"] == saved
    recorded.unlink()
    assert call(root, "-r", run.path, "-t", "lightning.callbacks.kill.params.at_step=-1") == 0
    lines, all_lines = (path.read_text().splitlines() for path in (recorded, whole.with_suffix(".txt")))
    assert lines == all_lines[2 * saved :], "the next batches and their losses"
    left, right = (torch.load(one.checkpoint(), weights_only=True) for one in (run_in(whole), run))
    assert differences(left, right) == []
    for name in (f"embeddings_gs-{STEPS - 1}.safetensors",):
        files = [load_file(one.checkpoints / name) for one in (run_in(whole), run)]
        assert all(torch.equal(tensor, files[1][key]) for key, tensor in files[0].items())
