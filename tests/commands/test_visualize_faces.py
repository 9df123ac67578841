"""`visualize latents|interpolation|reconstructions|noising|loss` on a tiny model."""

import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ldm.__main__ import app
from ldm.data.store import write_store
from ldm.runs.face_plots import scalars


@pytest.fixture(scope="module")
def store(tmp_path_factory, astronaut):
    folder, photo = tmp_path_factory.mktemp("store"), np.asarray(astronaut.resize((64, 64)))
    pieces = [photo[y : y + 16, x : x + 16] for y in range(0, 64, 16) for x in range(0, 64, 16)]
    rows = [{"split": "test", "attributes": ["Male"] if n % 2 else []} for n in range(16)]
    write_store(folder, zip(pieces, rows, strict=True), {})
    return folder


def visualize(*arguments, fails=""):
    result = CliRunner().invoke(app, ["visualize", *map(str, arguments)])
    assert fails in str(result.exception), result.exception
    assert bool(fails) == bool(result.exit_code), result.output


def size(path):
    return Image.open(path).size


def test_sheets_have_a_picture_in_every_cell(tiny_model, store, tmp_path):
    options = ("--pictures", store, "--out", tmp_path)
    visualize("reconstructions", "--vae", tiny_model, "--count", 5, *options)
    assert size(tmp_path / "reconstructions.png") == (5 * 18 - 2, 2 * 18 - 2)
    visualize("interpolation", "--vae", tiny_model, "--count", 2, "--steps", 7, *options)
    assert size(tmp_path / "interpolation.png") == (7 * 18 - 2, 2 * 18 - 2)
    visualize("noising", "--sd", tiny_model, "--count", 3, "--columns", 4, *options)
    assert size(tmp_path / "noising.png") == (4 * 18 - 2, 3 * 18 - 2)
    assert (tmp_path / "schedule.png").is_file()


def test_the_first_column_of_noising_is_the_reconstruction(tiny_model, store, tmp_path):
    visualize("reconstructions", "--vae", tiny_model, "--count", 1, "--pictures", store, "--out", tmp_path)
    visualize("noising", "--sd", tiny_model, "--count", 1, "--pictures", store, "--out", tmp_path)
    given_back = np.asarray(Image.open(tmp_path / "reconstructions.png"), int)[18:, :16]
    first = np.asarray(Image.open(tmp_path / "noising.png"), int)[:16, :16]
    assert np.abs(given_back - first).mean() < 8


def test_latents_are_coloured_by_an_attribute(tiny_model, store, tmp_path):
    visualize("latents", "--vae", tiny_model, "--pictures", store, "--out", tmp_path)
    assert size(tmp_path / "latents_Male.png")[0] > 500
    write_store(tmp_path / "s", [(np.zeros((16, 16, 3), np.uint8), {"split": "test"})] * 3, {})
    said = "have no attributes to colour them by"
    visualize("latents", "--vae", tiny_model, "--pictures", tmp_path / "s", "--out", tmp_path, fails=said)


def test_losses_come_from_the_runs_logs(tiny_run, tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    visualize("loss", "--run", tiny_run, "--out", tmp_path, fails="has no losses in tensorboard/")
    shutil.copytree(tiny_run, tmp_path / "run")
    with SummaryWriter(tmp_path / "run" / "tensorboard") as writer:
        for step in range(40):
            writer.add_scalar("train/loss", 1 / (1 + step), step)
            writer.add_scalar("lr-AdamW", 1.0, step)
    losses = scalars(tmp_path / "run")
    assert list(losses) == ["train/loss"], "no loss, no curve"
    assert losses["train/loss"][3].tolist() == [3, 0.25]
    visualize("loss", "--run", tmp_path / "run", "--out", tmp_path)
    assert size(tmp_path / "loss.png")[0] > 500


def test_what_is_not_there_is_named(tiny_model, store, tmp_path):
    visualize("reconstructions", "--vae", tmp_path, "--pictures", store, fails="holds no first stage")
    write_store(tmp_path / "odd", [(np.zeros((15, 15, 3), np.uint8), {"split": "test"})] * 3, {})
    said = "pictures of 15 px cannot be encoded"
    visualize("reconstructions", "--vae", tiny_model, "--pictures", tmp_path / "odd", fails=said)
