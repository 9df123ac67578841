"""A whole run of the celeb basis on a tiny Stable Diffusion: what it leaves, and going on with it."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file

from ldm.runs.folder import RunFolder
from ldm.runs.train import train
from tests.runs.tiny_sd import celeb_basis, write_tiny_sd

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def sd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_sd(tmp_path_factory.mktemp("weights") / "tiny")


def config(sd: Path, tmp_path: Path) -> DictConfig:
    tree: dict[str, Any] = {
        "model": celeb_basis(sd, tmp_path / "names.txt"),
        "data": {
            "target": "ldm.data.module.DataModuleFromConfig",
            "params": {"batch_size": 2, "num_workers": 2, "train": {"target": "tests.runs.tiny_sd.TinyPeople"}},
        },
        "lightning": {
            "trainer": {"max_steps": 4, "accumulate_grad_batches": 2, "accelerator": "cpu"},
            "modelcheckpoint": {"params": {"every_n_train_steps": 2}},
            "callbacks": {
                "ema": {"target": "ldm.runs.ema.Ema", "params": {"decay": 0.9}},
                "image_logger": {"target": "ldm.runs.callbacks.ImageLogger", "params": {"batch_frequency": 2}},
            },
        },
    }
    return OmegaConf.create(tree)


def test_stopping_and_going_on_equals_never_having_stopped(sd: Path, tmp_path: Path) -> None:
    wanted = config(sd, tmp_path)
    whole, parts = (RunFolder.create(tmp_path / "logs", "celebbasis", wanted, {}) for _ in range(2))
    assert train(wanted, whole, 23) == 0
    stopping = wanted.copy()
    stopping.lightning.callbacks["ctrl_c"] = {"target": "tests.runs.tiny_sd.CtrlC", "params": {"at_step": 1}}
    assert train(stopping, parts, 23) == 128 + signal.SIGINT
    assert parts.steps() == [1]
    assert train(wanted, parts, 23, parts.checkpoint()) == 0
    states = [torch.load(folder.checkpoint(), weights_only=True) for folder in (whole, parts)]
    flat = [dict(leaves(state, "")) for state in states]
    assert flat[0].keys() == flat[1].keys()
    differing = [key for key, value in flat[0].items() if not same(value, flat[1][key])]
    assert differing == []
    for step in (1, 3):
        names = [[path.name for path in folder.exported(step)] for folder in (whole, parts)]
        assert names[0] == names[1] == [f"embeddings_gs-{step}.pt", f"embeddings_gs-{step}.safetensors"]
        ours, theirs = (load_file(folder.exported(step)[1]) for folder in (whole, parts))
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    pictures = [sorted(path.name for path in (folder.images / "train").iterdir()) for folder in (whole, parts)]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) == 8, "inputs, reconstruction, samples, samples_scaled; twice"
    for name in pictures[0]:
        assert (whole.images / "train" / name).read_bytes() == (parts.images / "train" / name).read_bytes()


def leaves(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def same(left: Any, right: Any) -> bool:
    return torch.equal(left, right) if isinstance(left, torch.Tensor) else bool(left == right)
