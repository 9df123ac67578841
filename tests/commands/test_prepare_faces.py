"""`prepare celeba|lfw|folder`: what is printed, what is written, what is refused."""

from functools import cache

import pytest
from typer.testing import CliRunner

from ldm.__main__ import app
from ldm.data.store import PictureStore
from ldm.faces import backend
from ldm.runs import face_store
from tests.data.celeba_folder import write_csv, write_pictures

once = cache(backend.load_backend)


def prepare(*arguments, code=0):
    result = CliRunner().invoke(app, ["prepare", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def celeba(tmp_path, astronaut, hopper):
    """Three people in two partitions: one of them has a face."""
    rows = {"a.jpg": ["Smiling"], "b.jpg": ["Male", "Young"], "c.jpg": ["Bald", "Male"]}
    people = {"a.jpg": ("1", 0), "b.jpg": ("2", 2), "c.jpg": ("3", 1)}
    write_csv(tmp_path / "celeba" / "attributes.csv", rows, people)
    write_pictures(tmp_path / "celeba" / "images", list(rows))
    astronaut.save(tmp_path / "celeba" / "images" / "a.jpg")
    hopper.save(tmp_path / "celeba" / "images" / "b.jpg")
    return tmp_path / "celeba"


def test_a_preview_prints_captions_and_writes_nothing(celeba, tmp_path):
    printed = prepare("celeba", celeba, tmp_path / "out", "--preview", "--sex-words", "gentleman,lady")
    assert "train: 1 pictures" in printed
    assert "a photo of a" in printed
    assert "lady" in printed
    assert not (tmp_path / "out").exists()
    wrong = CliRunner().invoke(app, ["prepare", "celeba", str(celeba), str(tmp_path / "out"), "--sex-words", "lady"])
    assert "write two words with a comma between them" in str(wrong.exception)


def test_celeba_becomes_a_store_with_a_report(celeba, tmp_path, monkeypatch):
    monkeypatch.setattr(face_store, "load_backend", once)
    printed = prepare("celeba", celeba, tmp_path / "out", "--size", 32)
    assert "train: 1 pictures of 1 people" in printed
    assert "1 pictures without a face are left out" in printed
    store = PictureStore(tmp_path / "out")
    assert {row["file"]: row["split"] for row in store.rows} == {"a.jpg": "train", "b.jpg": "test"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<img") == 2
    assert "c.jpg" in page
    assert "a photo of a" in page


def test_the_legacy_split_has_face_diffusions_names(celeba, tmp_path):
    printed = prepare("celeba", celeba, tmp_path / "out", "--preview", "--split", "legacy")
    assert "unet_train" in printed
