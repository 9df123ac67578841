"""Find faces in a picture: a box, five points and a score each."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm.faces.warp import warp

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB, 0 to 255."""


BEST_PX = 128
"""YuNet places its points best on faces of about this size."""


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

    @property
    def center(self) -> NDArray[np.float32]:
        """(2,) the middle of the box."""
        return np.asarray((self.box[:2] + self.box[2:]) / 2, np.float32)

    @property
    def roll(self) -> float:
        """By how much the head is tilted in the picture, radians; positive is clockwise."""
        left_eye, right_eye, _, left_mouth, right_mouth = self.points.astype(np.float64)
        down = (left_mouth + right_mouth - left_eye - right_eye) / 2
        across = right_eye - left_eye + np.array([down[1], -down[0]])
        return float(np.arctan2(across[1], across[0]))


class FaceDetector(Protocol):
    """Finds faces. Backends differ in the network only."""

    name: str

    def __call__(self, image: Picture) -> list[Face]:
        """Faces in ``image``, largest first."""
        ...


class YuNet:
    """YuNet by OpenCV (Wu et al. 2023), a 100 KB network, loaded at the first picture.

    A picture is searched at two sizes, because it finds faces of about 12 to 600 px: in pictures of 12 megapixels all
    faces of 62 to 1,000 px were found (at one size a third of the smallest). Its points lean towards a level face
    (tilted by 25 degrees they come out 7 short), so each face is looked at again, level, ``BEST_PX`` large and
    mirrored, until it no longer turns.

    Args:
        model: its ONNX file.
        score_threshold: faces below are not reported.
        sides_px: the longer side of the picture in the searches for large and for small faces; a picture between the
            two is searched at its own size.
        enlarge_to_px: pictures smaller than this are enlarged to it.
        looks: how often the points are refined at most; 0 keeps those of the search.
    """

    name = "yunet"

    def __init__(
        self,
        model: Path,
        score_threshold: float = 0.6,
        sides_px: tuple[int, int] = (640, 1280),
        enlarge_to_px: int = 256,
        looks: int = 3,
    ) -> None:
        self._model, self._score_threshold = model, score_threshold
        self.sides_px = sides_px
        self.enlarge_to_px = enlarge_to_px
        self.looks = looks

    @cached_property
    def _net(self) -> Any:
        import cv2

        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # a remark about its new engine
        net = cv2.FaceDetectorYN.create(str(self._model), "", (320, 320), self._score_threshold, 0.3, 5000)
        cv2.utils.logging.setLogLevel(level)
        return net

    def __call__(self, image: Picture) -> list[Face]:
        """Faces in ``image``, largest first."""
        longer = max(image.shape[:2])
        first, last = self.sides_px
        finest = max(min(longer, last), self.enlarge_to_px)
        faces: list[Face] = []
        for side in [first, finest] if finest > 1.25 * first else [finest]:
            for face in self._search(image, side / longer):
                if all(overlap(face.box, other.box) < 0.3 for other in faces):
                    faces.append(self._refined(image, face))
        return sorted(faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))

    def _search(self, image: Picture, scale: float) -> list[Face]:
        """Faces of ``image`` scaled by ``scale``, in pixels of ``image``."""
        import cv2

        height, width = image.shape[:2]
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        if size != (width, height):
            bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        self._net.setInputSize(size)
        rows = self._net.detect(bgr)[1]
        return [] if rows is None else [_face_of(row, width / size[0], height / size[1]) for row in rows]

    def _refined(self, image: Picture, face: Face) -> Face:
        """``face`` with the mean of its points in a level cut and in the same cut mirrored."""
        picture = Image.fromarray(image)
        for _ in range(self.looks):
            seen = [self._look_again(picture, face, mirror) for mirror in (False, True)]
            points = [these for these in seen if these is not None]
            if not points:
                break
            before, face = face.roll, replace(face, points=np.mean(points, 0, dtype=np.float32))
            if abs(face.roll - before) < np.deg2rad(2):
                break
        return face

    def _look_again(self, picture: Image.Image, face: Face, mirror: bool) -> NDArray[np.float64] | None:
        """Points (5, 2) of ``face`` in a square cut that holds it level and ``BEST_PX`` large, or None if not found."""
        side = 2 * BEST_PX
        zoom = BEST_PX / face.size_px * np.array([[-1.0 if mirror else 1.0], [1.0]])
        linear = zoom * np.array([[np.cos(face.roll), np.sin(face.roll)], [-np.sin(face.roll), np.cos(face.roll)]])
        shift = side / 2 - linear @ face.center
        found = self._search(np.asarray(warp(picture, np.column_stack([linear, shift]), side)), 1.0)
        middle = min(found, key=lambda other: float(np.hypot(*(other.center - side / 2))), default=None)
        if middle is None or np.hypot(*(middle.center - side / 2)) > BEST_PX / 2:
            return None
        points = middle.points[[1, 0, 2, 4, 3]] if mirror else middle.points
        return np.asarray((points - shift) @ np.linalg.inv(linear).T)


def overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Intersection over union of two boxes (4,), in [0, 1]."""
    inner = np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0).prod()
    union = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - inner
    return float(inner / union) if union > 0 else 0.0


def _face_of(row: NDArray[np.float32], scale_x: float, scale_y: float) -> Face:
    """A face from YuNet's row: x, y, w, h, five points, score. Whole numbers are the middles of pixels."""
    scale = np.array([scale_x, scale_y], np.float32)
    corner, extent = row[:2] * scale, row[2:4] * scale
    points = (row[4:14].reshape(5, 2) + 0.5) * scale - 0.5
    return Face(np.concatenate([corner, corner + extent]).astype(np.float32), points.astype(np.float32), float(row[14]))
