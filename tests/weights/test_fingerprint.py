"""The word that stands for weights."""

import hashlib
import shutil
from pathlib import Path

import pytest

from ldm.weights import read
from ldm.weights.fingerprint import fingerprint


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def test_other_weights_are_another_study(model: Path) -> None:
    first = fingerprint(model)
    whole = hashlib.sha256()
    for file in sorted(model.glob("*/*.safetensors")):
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    assert first == whole.hexdigest()[:16], "what earlier results were kept under"
    next(model.glob("unet/*.safetensors")).write_bytes(b"2")
    assert fingerprint(model) != first


def test_pickles_count_where_there_is_nothing_else(model: Path) -> None:
    first = fingerprint(model)
    (model / "unet" / "beside.bin").write_bytes(b"1")
    assert fingerprint(model) == first
    for file in model.glob("*/*.safetensors"):
        file.rename(file.with_suffix(".bin"))
    one = fingerprint(model)
    next(model.glob("text_encoder/*.bin")).write_bytes(b"2")
    assert fingerprint(model) != one


def test_a_name_on_the_hub_is_its_folder(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "hub_folder", {"nobody/tiny": model}.__getitem__)
    assert fingerprint(Path("nobody/tiny")) == fingerprint(model)


def test_no_weights_are_no_fingerprint(model: Path) -> None:
    for file in model.glob("*/*.safetensors"):
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"model holds no weights, neither \.safetensors nor \.bin"):
        fingerprint(model)
    with pytest.raises(FileNotFoundError, match="there is no model at"):
        fingerprint(model / "none")
