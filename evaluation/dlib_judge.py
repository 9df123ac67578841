"""dlib's face network as a judge: another family than ArcFace, so that it does not share its mistakes.

It is an extra: ``pip install -e '.[judges]'``. Faces are found by the same
detector as for the other judges; dlib places its own five points inside the box and makes its own 150-px chip.
"""

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation.identity import MIN_SIDE_PX, SeenFace, Vector, enlarged
from ldm.faces.detect import FaceDetector
from ldm.faces.model_files import checked

NAME = "dlib"
RECOGNITION = "dlib_face_recognition_resnet_model_v1.dat"
POINTS = "shape_predictor_5_face_landmarks.dat"
SHA256 = {
    RECOGNITION: "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    POINTS: "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
}
"""Of the files in face_recognition_models 0.3.0 (CC0)."""

EXTRA = "pip install -e '.[judges]' (dlib-bin and face_recognition_models)"


def is_installed() -> bool:
    """Whether dlib and its networks are there; neither is imported."""
    return all(importlib.util.find_spec(name) is not None for name in ("dlib", "face_recognition_models"))


def packaged(name: str) -> Path:
    """The hash-checked path of a network inside face_recognition_models, which is not imported.

    Raises:
        ImportError: the extra is not installed.
        ModelFileError: the file is missing or altered.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None or not is_installed():
        raise ImportError(f"judge dlib needs two packages that are not installed: {EXTRA}")
    return checked(Path(spec.origin).parent / "models" / name, SHA256[name], EXTRA)


class DlibJudge:
    """dlib's ResNet (King 2017; 128 numbers, LFW 99.38 % by its author) behind the interface of a judge.

    Its vectors are compared by distance; they are made unit vectors here, so that a cosine orders them nearly alike.
    Strangers score far above 0, so its numbers mean something only beside its own constants.

    Args:
        detector: finds the faces.
        min_side_px: pictures with a shorter side below are enlarged to it.
    """

    def __init__(self, detector: FaceDetector, min_side_px: int = MIN_SIDE_PX) -> None:
        self._files = (packaged(RECOGNITION), packaged(POINTS))
        self.detector, self.min_side_px = detector, min_side_px
        self.name, self.encoder_name = f"{detector.name}+{NAME}", NAME

    @cached_property
    def _nets(self) -> tuple[Any, Any]:
        import dlib

        recognition, points = (str(file) for file in self._files)
        return dlib.face_recognition_model_v1(recognition), dlib.shape_predictor(points)

    def faces(self, image: Image.Image) -> list[SeenFace]:
        """All faces in ``image``, largest first."""
        picture, scale = enlarged(image, self.min_side_px)
        pixels = np.asarray(picture)
        found = self.detector(pixels)
        return [SeenFace(np.asarray(face.box / scale, np.float32), self._describe(pixels, face.box)) for face in found]

    def _describe(self, pixels: NDArray[np.uint8], box: NDArray[np.float32]) -> Vector:
        """Unit vector (128,) of the face in ``box``."""
        import dlib

        recognition, points = self._nets
        five = points(pixels, dlib.rectangle(*(round(float(edge)) for edge in box)))
        vector = np.asarray(recognition.compute_face_descriptor(pixels, five), np.float32)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def vector(self, image: Image.Image) -> Vector | None:
        """Unit vector (128,) of the largest face in ``image``, None where none is detected."""
        return next((face.vector for face in self.faces(image)), None)

    def vectors(self, images: Sequence[Image.Image]) -> list[Vector | None]:
        """:meth:`vector` of every picture."""
        return [self.vector(image) for image in images]
