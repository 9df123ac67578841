"""Whose face is it: judges, and the identity score of pictures. Everything that scores identity calls this file.

A picture without a detected face is not left out, which would reward drawing none, and does not count as 0, which for
most networks is about what a stranger gets: it counts as the judge's 5th percentile between strangers, measured once
(``evaluation/strangers.json``, made by ``python -m ldm study strangers``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm.faces.align import arcface_crop
from ldm.faces.detect import FaceDetector
from ldm.faces.encode import FaceEncoder

Vector = NDArray[np.float32]
"""(F,) unit vector of a face."""

MIN_SIDE_PX = 256
"""Smaller pictures are enlarged before a judge looks: detectors miss faces of 20 px, and a generated picture of 64 px
with two people has such."""


@dataclass(frozen=True)
class SeenFace:
    """A face that a judge found.

    Attributes:
        box: (4,) float32 left, top, right, bottom in pixels of the picture that was given.
        vector: who it is, as a unit vector (F,).
    """

    box: NDArray[np.float32]
    vector: Vector

    @property
    def center_x(self) -> float:
        """Where the face stands from left to right, in pixels."""
        return float(self.box[0] + self.box[2]) / 2


class Judge(Protocol):
    """Sees pictures and says whose face is in them."""

    @property
    def name(self) -> str:
        """What reports call it; constants measured for a judge are kept under this name."""
        ...

    @property
    def encoder_name(self) -> str:
        """The identity network alone: if it conditioned a model, it may not judge that model on its own."""
        ...

    def faces(self, image: Image.Image) -> list[SeenFace]:
        """All faces in ``image``, largest first."""
        ...

    def vector(self, image: Image.Image) -> Vector | None:
        """Unit vector (F,) of the largest face in ``image``, None where none is detected."""
        ...

    def vectors(self, images: Sequence[Image.Image]) -> list[Vector | None]:
        """:meth:`vector` of every picture."""
        ...


def enlarged(image: Image.Image, min_side_px: int = MIN_SIDE_PX) -> tuple[Image.Image, float]:
    """``image`` as RGB with a shorter side of at least ``min_side_px``, bicubic, and by how much it was enlarged."""
    picture = image.convert("RGB")
    scale = max(1.0, min_side_px / min(picture.size))
    if scale > 1.0:
        width, height = (round(side * scale) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    return picture, scale


class FaceJudge:
    """A judge made of a detector, the five-point ArcFace crop and an identity network.

    Args:
        detector: finds the faces.
        encoder: describes the crops.
        min_side_px: pictures with a shorter side below are enlarged to it, bicubic, before detection and crop.
    """

    def __init__(self, detector: FaceDetector, encoder: FaceEncoder, min_side_px: int = MIN_SIDE_PX) -> None:
        self.detector, self.encoder = detector, encoder
        self.min_side_px = min_side_px
        self.name = f"{detector.name}+{encoder.name}"
        self.encoder_name = encoder.name

    def faces(self, image: Image.Image) -> list[SeenFace]:
        """All faces in ``image``, largest first."""
        picture, scale = enlarged(image, self.min_side_px)
        found = self.detector(np.asarray(picture))
        vectors = self.encoder([np.asarray(arcface_crop(picture, face.points)) for face in found])
        return [
            SeenFace(np.asarray(face.box / scale, np.float32), vector)
            for face, vector in zip(found, vectors, strict=True)
        ]

    def vector(self, image: Image.Image) -> Vector | None:
        """Unit vector (F,) of the largest face in ``image``, None where none is detected."""
        faces = self.faces(image)
        return faces[0].vector if faces else None

    def vectors(self, images: Sequence[Image.Image]) -> list[Vector | None]:
        """:meth:`vector` of every picture."""
        return [self.vector(image) for image in images]


@dataclass(frozen=True)
class IdentityScores:
    """Cosines of pictures to one reference face.

    Attributes:
        cosines: (N,) float64; NaN where no face was detected.
        undetected: what a picture without a face counts as.
    """

    cosines: NDArray[np.float64]
    undetected: float

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(N,) the headline scores: undetected pictures count as the 5th percentile of strangers."""
        return np.where(np.isnan(self.cosines), self.undetected, self.cosines)

    @property
    def mean(self) -> float:
        """Mean of :attr:`values`."""
        return float(self.values.mean())

    @property
    def detected(self) -> int:
        """In how many pictures a face was found."""
        return int((~np.isnan(self.cosines)).sum())

    @property
    def listed(self) -> list[float | None]:
        """The cosines as JSON takes them: None where no face was detected."""
        return [None if np.isnan(cosine) else float(cosine) for cosine in self.cosines]

    @property
    def detected_mean(self) -> float | None:
        """Mean over the pictures with a face, None where there is no such picture."""
        return float(np.nanmean(self.cosines)) if self.detected else None


def cosine(first: Vector, second: Vector) -> float:
    """Cosine of two unit vectors."""
    return float(np.dot(first.astype(np.float64), second.astype(np.float64)))


def score_vectors(reference: Vector, vectors: Sequence[Vector | None], undetected: float) -> IdentityScores:
    """Scores of faces that were described already; None is a picture without a face.

    Raises:
        ValueError: there are no pictures.
    """
    if not vectors:
        raise ValueError("no pictures to score")
    cosines = [float("nan") if vector is None else cosine(reference, vector) for vector in vectors]
    return IdentityScores(np.array(cosines, np.float64), undetected)


def identity_scores(
    judge: Judge, reference: Vector, images: Sequence[Image.Image], undetected: float
) -> IdentityScores:
    """How much ``images`` show the person whose face vector is ``reference``.

    Args:
        judge: who looks. ``reference`` is from the same judge.
        reference: (F,) of the person's photo.
        images: the pictures; the photo itself is never among them.
        undetected: ``strangers_percentile(judge)`` of evaluation/judges.py.

    Raises:
        ValueError: there are no pictures.
    """
    return score_vectors(reference, judge.vectors(images), undetected)


def require_held_out(judges: Collection[Judge], conditioned_by: Collection[str]) -> None:
    """Refuse a study that only the conditioning network would judge.

    Args:
        judges: who scores.
        conditioned_by: names of the identity networks whose vectors the model was conditioned on or trained with.

    Raises:
        ValueError: no judge, or every judge's network is among ``conditioned_by``.
    """
    if not judges:
        raise ValueError("a study needs at least one judge")
    if all(judge.encoder_name in conditioned_by for judge in judges):
        names = ", ".join(sorted({judge.encoder_name for judge in judges}))
        raise ValueError(
            f"{names} conditioned the model and cannot be the only judge of it: "
            "add another identity network, --judge NET.onnx:imagenet for example"
        )
