"""Training curves from TensorBoard files."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from evaluation.curve import draw_curves, read_scalars, smoothed


def write(folder: Path, tag: str, points: dict[int, float], wall: float) -> None:
    with SummaryWriter(str(folder), filename_suffix=f".{wall}") as writer:
        for step, value in points.items():
            writer.add_scalar(tag, value, step, walltime=wall + step)


def test_scalars_come_back(tmp_path: Path) -> None:
    write(tmp_path / "tensorboard", "train/loss", {0: 1.0, 1: 0.5, 2: 0.25}, 100)
    steps, values = read_scalars(tmp_path)["train/loss"]
    assert steps.tolist() == [0, 1, 2]
    assert values.tolist() == [1.0, 0.5, 0.25]


def test_a_resumed_run_is_one_curve_and_the_later_value_counts(tmp_path: Path) -> None:
    write(tmp_path / "tensorboard", "train/loss", {0: 1.0, 1: 0.5, 2: 9.0}, 100)
    write(tmp_path / "tensorboard", "train/loss", {2: 0.25, 3: 0.125}, 500)
    steps, values = read_scalars(tmp_path)["train/loss"]
    assert steps.tolist() == [0, 1, 2, 3]
    assert values.tolist() == [1.0, 0.5, 0.25, 0.125]


def test_all_steps_are_read_not_a_sample_of_them(tmp_path: Path) -> None:
    write(tmp_path, "train/loss", dict.fromkeys(range(12_000), 1.0), 0)
    assert read_scalars(tmp_path)["train/loss"][0].size == 12_000


def test_a_folder_without_logs(tmp_path: Path) -> None:
    assert read_scalars(tmp_path) == {}


def test_smoothing_keeps_a_constant_and_the_length() -> None:
    assert smoothed(np.full(7, 3.0), 4) == pytest.approx([3.0] * 7)
    assert smoothed(np.array([0.0, 3.0, 6.0]), 3) == pytest.approx([1.5, 3.0, 4.5])
    assert smoothed(np.array([5.0]), 100).tolist() == [5.0]


def test_the_picture_is_a_png_with_a_panel_per_label() -> None:
    series = (np.arange(100), np.linspace(1, 0, 100))
    one = Image.open(io.BytesIO(draw_curves({"loss": [("train", series)]})))
    two = Image.open(
        io.BytesIO(draw_curves({"loss": [("train", series)], "identity": [("sks", series), ("ks", series)]}))
    )
    assert one.format == two.format == "PNG"
    assert one.size == two.size


def test_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="nothing was logged"):
        draw_curves({})
