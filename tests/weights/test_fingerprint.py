"""The word that stands for weights."""

from pathlib import Path

from ldm.weights.fingerprint import fingerprint


def test_other_weights_are_another_study(tmp_path: Path) -> None:
    file = tmp_path / "unet" / "a.safetensors"
    file.parent.mkdir()
    file.write_bytes(b"1")
    first = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == first
    file.write_bytes(b"2")
    assert fingerprint(tmp_path) != first
