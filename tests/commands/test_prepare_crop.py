import csv
import errno
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ldm.__main__ import app
from ldm.faces import backend
from ldm.faces.photos import list_photos

once = cache(backend.load_backend)


@pytest.fixture
def crop(monkeypatch):
    monkeypatch.setattr(backend, "load_backend", once)

    def run(*arguments, code=0):
        result = CliRunner().invoke(app, ["prepare", "crop", *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result.output

    return run


@pytest.fixture
def broad(tmp_path, astronaut):
    """The astronaut far at the right of a broad photo, and a caption beside it."""
    (tmp_path / "in").mkdir()
    photo = Image.new("RGB", (1400, 512), "grey")
    photo.paste(astronaut, (888, 0))
    photo.save(tmp_path / "in" / "b.png")
    (tmp_path / "in" / "b.txt").write_text("sks in space")
    return tmp_path / "in"


def test_a_photo_is_cut_around_its_face(broad, tmp_path, crop, tree):
    before = tree(broad)
    assert "1 cut, 0 skipped (already done), 0 failed" in crop(broad, tmp_path / "out", "--width", 96, "--height", 128)
    picture = Image.open(tmp_path / "out" / "000001.jpg")
    assert picture.size == (96, 128)
    face = once("yunet-sface").largest(picture)
    assert abs(face.center[0] - 48) < 3, "as far up as the photo goes, she is in the middle of it"
    assert abs(face.center[1] - 64) < 20
    assert 128 / 3.6 < face.box[3] - face.box[1] < 128 / 2.5
    assert (tmp_path / "out" / "000001.txt").read_text() == "sks in space"
    assert tree(broad) == before, "sources are not touched"


def test_in_the_middle_there_is_no_face(broad, tmp_path, crop):
    crop(broad, tmp_path / "out", "--center", "--width", 128, "--height", 128)
    picture = np.asarray(Image.open(tmp_path / "out" / "000001.jpg"))
    assert np.ptp(picture[:, :80]) <= 2, "the grey left of her"


def test_numbers_stay_when_photos_are_added(broad, tmp_path, crop, hopper):
    crop(broad, tmp_path / "out", "--width", 64, "--height", 64)
    first = (tmp_path / "out" / "000001.jpg").read_bytes()
    hopper.save(broad / "a.jpg")
    assert "1 cut, 1 skipped" in crop(broad, tmp_path / "out", "--width", 64, "--height", 64)
    assert (tmp_path / "out" / "000001.jpg").read_bytes() == first
    with (tmp_path / "out" / "sources.csv").open() as file:
        assert list(csv.reader(file)) == [["number", "source"], ["000001", "b.png"], ["000002", "a.jpg"]]


def test_what_fails_is_said_and_the_rest_goes_on(broad, tmp_path, crop):
    (broad / "a.jpg").write_bytes(b"broken")
    Image.new("RGB", (90, 90)).save(broad / "c.png")
    said = crop(broad, tmp_path / "out", code=1)
    assert "failed: a.jpg: is not a picture that can be read" in said
    assert "failed: c.png: no face found: crop it by hand, or cut in the middle (--center)" in said
    assert "1 cut, 0 skipped (already done), 2 failed" in said
    assert [path.name for path in list_photos(tmp_path / "out")] == ["000001.jpg"]
    assert (broad / "a.jpg").exists()


def test_a_full_disk_ends_it_at_once(broad, tmp_path, crop, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    Image.new("RGB", (90, 90)).save(broad / "c.png")
    monkeypatch.setattr(Image.Image, "save", full)
    result = CliRunner().invoke(app, ["prepare", "crop", str(broad), str(tmp_path / "out"), "--center"])
    assert isinstance(result.exception, OSError)
    assert result.exception.filename == str(tmp_path / "out" / "000001.jpg")
    assert "failed" not in result.output, "the next one is not tried"


def test_nothing_to_do_is_exit_code_2(tmp_path, crop, broad):
    assert "folder not found" in crop(tmp_path / "nothing", tmp_path / "out", code=2)
    assert "is both IN and OUT" in crop(broad, broad, "--center", code=2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "000001.jpg").write_bytes(b"somebody's")
    assert "is there already and was not made here" in crop(broad, tmp_path / "out", "--center", code=2)


def test_transparency_becomes_white_or_black(tmp_path, crop):
    (tmp_path / "in").mkdir()
    Image.new("RGBA", (80, 80), (255, 0, 0, 0)).save(tmp_path / "in" / "a.png")
    crop(tmp_path / "in", tmp_path / "white", "--center")
    crop(tmp_path / "in", tmp_path / "black", "--center", "--png")
    assert Image.open(tmp_path / "white" / "000001.jpg").getextrema() == ((255, 255),) * 3
    assert Image.open(tmp_path / "black" / "000001.jpg").getextrema() == ((0, 0),) * 3


def test_the_old_tool_is_the_same_in_the_middle(broad, tmp_path, crop, root):
    tool = [sys.executable, str(root / "tools" / "handle_images.py"), str(broad), str(tmp_path / "old")]
    done = subprocess.run([*tool, "--width=64", "--height=48"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1 cut" in done.stdout
    crop(broad, tmp_path / "new", "--center", "--width", 64, "--height", 48)
    assert (tmp_path / "old" / "000001.jpg").read_bytes() == (tmp_path / "new" / "000001.jpg").read_bytes()
