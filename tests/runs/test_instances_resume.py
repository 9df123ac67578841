"""Photos of several shapes beside class pictures: a run that was stopped goes on to the bit."""

from pathlib import Path

import pytest
import torch

from tests.data.training import photo


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        photo(tmp_path / "photos" / f"broad{number}.png", 64, 40, 40 * number)
        photo(tmp_path / "photos" / f"upright{number}.png", 40, 64, 40 * number)
    for number in range(4):
        photo(tmp_path / "class" / f"{number}.png", value=30 * number)
    return tmp_path


def test_train_4_is_train_2_and_go_on_2(folder, tiny_model, root, caplog):
    from main import main

    def train(*more):
        before = set((folder / "logs").glob("*"))
        assert main([*more, "-t", "lightning.trainer.accelerator=cpu"]) == 0
        made = set((folder / "logs").glob("*")) - before
        return made.pop() if made else None

    params = "data.params.train.params"
    start = [
        "--base", str(root / "configs/stable-diffusion/dreambooth.yaml"), "--actual_resume", str(tiny_model),
        "--data_root", str(folder / "photos"), "-l", str(folder / "logs"), f"{params}.buckets=true",
        f"{params}.crop=random", f"{params}.num_variants=0", f"{params}.repeats=1",
        f"{params}.class_config.params.folder={folder / 'class'}",
        f"{params}.class_config.params.num=4", "lightning.callbacks.image_logger.params.batch_frequency=1000",
    ]  # fmt: skip
    whole = train(*start, "-n", "whole", "lightning.trainer.max_steps=4")
    assert "sizes: 20 x 12 (3), 12 x 20 (3)" in caplog.text or "sizes: 12 x 20 (3), 20 x 12 (3)" in caplog.text
    halves = train(*start, "-n", "halves", "lightning.trainer.max_steps=2")
    train("-r", str(halves), "lightning.trainer.max_steps=4")
    one, other = (state(run) for run in (whole, halves))
    assert one.keys() == other.keys()
    assert all(one[name].equal(other[name]) for name in one)


def state(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True, map_location="cpu")["state_dict"]
