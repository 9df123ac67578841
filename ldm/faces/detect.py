"""Find faces in a picture: a box, five points and a score each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB, 0 to 255."""


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the picture it was found in.

    Attributes:
        box: (4,) float32: left, top, right, bottom.
        points: (5, 2) float32 x, y: the eye at the left of the picture, the other eye, nose tip, mouth corners in the
            same order.
        score: the detector's confidence in [0, 1].
    """

    box: NDArray[np.float32]
    points: NDArray[np.float32]
    score: float

    @property
    def size_px(self) -> float:
        """The shorter side of the box in pixels."""
        return float(min(self.box[2] - self.box[0], self.box[3] - self.box[1]))


class FaceDetector(Protocol):
    """Finds faces. Backends differ in the network only."""

    name: str

    def __call__(self, image: Picture) -> list[Face]:
        """Faces in ``image``, largest first."""
        ...


class YuNet:
    """YuNet by OpenCV (Wu et al. 2023), a 100 KB network.

    Args:
        model: its ONNX file.
        score_threshold: faces below are not reported.
        max_side_px: larger pictures are shrunk for the search only; points are given in the original's pixels.
    """

    name = "yunet"

    def __init__(self, model: Path, score_threshold: float = 0.6, max_side_px: int = 640) -> None:
        import cv2

        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # a remark about its new engine
        self._net = cv2.FaceDetectorYN.create(str(model), "", (320, 320), score_threshold, 0.3, 5000)
        cv2.utils.logging.setLogLevel(level)
        self._resize = cv2.resize
        self._area = cv2.INTER_AREA
        self.max_side_px = max_side_px

    def __call__(self, image: Picture) -> list[Face]:
        """Faces in ``image``, largest first."""
        height, width = image.shape[:2]
        scale = min(1.0, self.max_side_px / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        if scale < 1.0:
            bgr = self._resize(bgr, size, interpolation=self._area)
        self._net.setInputSize(size)
        rows = self._net.detect(bgr)[1]
        faces = [] if rows is None else [_face_of(row, width / size[0], height / size[1]) for row in rows]
        return sorted(faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))


def _face_of(row: NDArray[np.float32], scale_x: float, scale_y: float) -> Face:
    """A face from YuNet's row: x, y, w, h, five points, score."""
    scale = np.array([scale_x, scale_y], np.float32)
    corner, extent = row[:2] * scale, row[2:4] * scale
    points = row[4:14].reshape(5, 2) * scale
    return Face(np.concatenate([corner, corner + extent]).astype(np.float32), points.astype(np.float32), float(row[14]))
