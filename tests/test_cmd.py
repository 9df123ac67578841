"""face-diffusion's scripts: every old flag is taken, and what they say is a command of ours."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from ldm.data.store import write_store
from tests.test_house import command_complaint


@pytest.fixture
def script(root):
    def load(name):
        spec = importlib.util.spec_from_file_location(name, root / "cmd" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.command

    return load


def test_datasets_are_split_as_they_were(script):
    words = script("prepare_datasets")(["--out-dir", "datasets2", "--seed", "1", "--n-threads", "4"])
    assert words == ["prepare", "celeba", "datasets/celeba", "datasets2/faces", "--split", "legacy", "--size", "256"]
    assert command_complaint(words) is None


def test_a_first_stage_is_evaluated(script):
    words = script("vae_eval")(["--model-path", "v", "--image-folder", "f", "--batch-size", "4", "--image-size", "64"])
    assert command_complaint(words) is None
    assert words[2:6] == ["--vae", "v", "--pictures", "f"]
    assert words[-4:] == ["--size", "64", "--batch-size", "4"]


def test_a_first_stage_is_evaluated_on_its_own_test_split(script, tmp_path):
    picture = np.zeros((8, 8, 3), np.uint8)
    write_store(tmp_path / "faces", [(picture, {"split": split}) for split in ("vae_train", "vae_test")], {})
    write_store(tmp_path / "official", [(picture, {"split": "test"})], {})
    old = ["--model-path", "v", "--image-folder", str(tmp_path / "faces")]
    assert script("vae_eval")(old)[-2:] == ["--split", "vae_test"]
    assert script("vae_eval")([*old, "--split", "vae_val"])[-2:] == ["--split", "vae_val"]
    assert "--split" not in script("vae_eval")([*old[:3], str(tmp_path / "official")])


def test_a_unet_is_evaluated_unconditionally(script):
    old = "--vae-path v --unet-path u --image-folder f --batch-size 4 --image-size 64 --count 9"
    words = script("unet_eval")(old.split())
    assert command_complaint(words) is None
    assert words[words.index("--prompts") + 1] == "none"
    assert words[-2:] == ["--count", "9"]


def test_epochs_become_steps(script, tmp_path):
    row = {"split": "unet_train", "attributes": []}
    write_store(tmp_path / "faces", [(np.zeros((8, 8, 3), np.uint8), row)] * 40, {})
    words = script("unet_train")(
        ["--dataset", str(tmp_path / "faces"), "--vae", "v", "--unet", "u", "--epochs", "5", "--name", "n"]
    )
    assert "lightning.trainer.max_steps=15" in words
    assert f"data.params.train.params.folder={tmp_path / 'faces'}_latents" in words


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prepare_datasets", "unet_train", "vae_eval", "unet_eval"])
def test_each_answers_for_itself(root, name):
    said = subprocess.run(
        [sys.executable, root / "cmd" / f"{name}.py", "--help"], capture_output=True, text=True, check=True
    )
    assert "usage:" in said.stdout
