"""A whole run of the celeb basis on a tiny model: Ctrl-C in the middle, and going on."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ldm.runs.folder import RunFolder
from main import main

pytestmark = pytest.mark.filterwarnings("ignore")

SETTING = (
    "data.params.batch_size=2",
    "data.params.num_workers=2",
    "data.params.train.params.repeats=3",
    "data.params.train.params.num_variants=2",
    "model.params.face_backend=yunet-sface",
    "lightning.callbacks.ema.params.decay=0.9",
    "lightning.callbacks.image_logger.params.batch_frequency=2",
    "lightning.modelcheckpoint.params.every_n_train_steps=2",
    "lightning.trainer.accumulate_grad_batches=2",
    "lightning.trainer.accelerator=cpu",
    "lightning.trainer.max_steps=4",
)
CTRL_C = ("lightning.callbacks.stop.target=tests.runs.tiny.CtrlC", "lightning.callbacks.stop.params.at_step=1")


def train(root: Path, model: Path, manifest: Path, logdir: Path, *more: str) -> int:
    config = root / "configs" / "stable-diffusion" / "celeb_basis.yaml"
    command = ["--base", str(config), "-t", "--actual_resume", str(model), "--data_root", str(manifest)]
    return main([*command, "-l", str(logdir), *SETTING, *more])


def only_run(logdir: Path) -> RunFolder:
    [folder] = logdir.iterdir()
    return RunFolder.open(folder)


def test_stopping_and_going_on_equals_never_having_stopped(
    root: Path, tiny_model: Path, tiny_manifest: Path, tmp_path: Path
) -> None:
    setting = (root, tiny_model, tiny_manifest)
    assert train(*setting, tmp_path / "whole") == 0
    assert train(*setting, tmp_path / "parts", *CTRL_C) == 128 + signal.SIGINT
    whole, parts = only_run(tmp_path / "whole"), only_run(tmp_path / "parts")
    assert parts.steps() == [1]
    assert main(["-r", str(parts.path), "-t", "lightning.callbacks.stop.params.at_step=-1"]) == 0
    left, right = (dict(leaves(torch.load(run.checkpoint(), weights_only=True))) for run in (whole, parts))
    assert left.keys() == right.keys()
    assert [key for key in left if not same(left[key], right[key])] == []
    for step in (1, 3):
        ours, theirs = (load_file(run.exported(step)[-1]) for run in (whole, parts))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert pictures(whole) == pictures(parts)
    assert len(pictures(whole)) == 8, "inputs, reconstruction, samples, samples_scaled; twice"


def pictures(run: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run.images / "train").iterdir()}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list | tuple):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{path}.{key}")
    else:
        yield path, value


def same(left: Any, right: Any) -> bool:
    return torch.equal(left, right) if isinstance(left, torch.Tensor) else bool(left == right)
