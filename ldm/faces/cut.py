"""Photo in, aligned faces out, with everything a manifest says about them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm.faces.align import apply, arcface_crop, arcface_matrix, ffhq_crop, ffhq_matrix
from ldm.faces.backend import FaceBackend
from ldm.faces.detect import Face

Mode = Literal["ffhq", "arcface"]
Which = Literal["largest", "all", "one"]


class FaceError(ValueError):
    """A photo whose faces are not what was asked for; the message says what was found and what to do."""


@dataclass(frozen=True)
class Cut:
    """One aligned face.

    Attributes:
        picture: the aligned picture, RGB, square.
        face: where it was found, in pixels of the photo.
        points: (5, 2) the five points in pixels of ``picture``.
        vector: unit face vector (F,).
        sharpness: see ``sharpness``.
    """

    picture: Image.Image
    face: Face
    points: NDArray[np.float64]
    vector: NDArray[np.float32]
    sharpness: float


def cut_faces(
    photo: Image.Image,
    backend: FaceBackend,
    size: int = 512,
    mode: Mode = "ffhq",
    which: Which = "largest",
    min_face_px: int = 64,
) -> tuple[list[Cut], int]:
    """The wanted faces of ``photo`` (upright RGB), aligned, and how many of at least ``min_face_px`` it has.

    Raises:
        FaceError: no face, none large enough, or several where ``which`` is "one".
    """
    faces = large_enough(backend.faces(photo), min_face_px)
    if which == "one" and len(faces) > 1:
        raise FaceError(
            f"{len(faces)} faces found where one is wanted: crop the photo, or choose by --faces largest or --faces all"
        )
    wanted = faces if which == "all" else faces[:1]
    return [_cut(photo, face, backend, size, mode) for face in wanted], len(faces)


def large_enough(faces: list[Face], min_face_px: int) -> list[Face]:
    """Those of ``faces``, largest first, whose shorter side has at least ``min_face_px``.

    Raises:
        FaceError: there are none.
    """
    if not faces:
        raise FaceError("no face found: is it hidden, turned away, or lying on its side?")
    large = [face for face in faces if face.size_px >= min_face_px]
    if not large:
        raise FaceError(
            f"the largest face is {max(face.size_px for face in faces):.0f} px across, less than {min_face_px}: "
            "take a larger photo, or lower --min-face"
        )
    return large


def _cut(photo: Image.Image, face: Face, backend: FaceBackend, size: int, mode: Mode) -> Cut:
    """The aligned picture of ``face`` and what is known about it."""
    crop, matrix_of = (ffhq_crop, ffhq_matrix) if mode == "ffhq" else (arcface_crop, arcface_matrix)
    picture = crop(photo, face.points, size)
    points = apply(matrix_of(face.points, size), face.points)
    return Cut(picture, face, points, backend.describe(photo, face), sharpness(picture))


def sharpness(picture: Image.Image) -> float:
    """Variance of the 4-neighbour Laplacian of the grey values, in (grey levels of 0 to 255)².

    It depends on the picture's size: compare crops of one size only. Of 512-px crops, below about 20 is soft.
    """
    grey = np.asarray(picture.convert("L"), np.float64)
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(laplacian.var()) if laplacian.size else 0.0
