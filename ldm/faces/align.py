"""Crop a face: the FFHQ way for pictures, the ArcFace way for face networks."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.transform import SimilarityTransform

FFHQ_512 = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ],
    np.float64,
)
"""(5, 2) mean landmarks of a 512-px FFHQ crop."""

ARCFACE_112 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float64
)
"""(5, 2) landmarks that ArcFace networks were trained on, on a 112-px canvas (Deng et al. 2019)."""

Points = NDArray[np.float32] | NDArray[np.float64]


def similarity(source: Points, target: Points) -> NDArray[np.float64]:
    """(2, 3) matrix of the least-squares similarity that takes points ``source`` (N, 2) to ``target`` (N, 2)."""
    transform = SimilarityTransform.from_estimate(np.asarray(source, np.float64), np.asarray(target, np.float64))
    if not transform:
        raise ValueError(f"no similarity transform fits these points: {np.asarray(source).round(1).tolist()}")
    return np.asarray(transform.params[:2], np.float64)


def arcface_crop(image: Image.Image, points: Points, size: int = 112) -> Image.Image:
    """The five-point ArcFace crop, ``size`` x ``size``; outside of the picture is black."""
    matrix = similarity(points, ARCFACE_112 * (size / 112))
    return _warp(image, matrix, size)


def ffhq_quad(points: Points) -> NDArray[np.float64]:
    """(4, 2) corners of the FFHQ crop: top left, bottom left, bottom right, top right.

    Source: Karras et al. 2019, "A Style-Based Generator Architecture", the FFHQ data set's orientation and size rule.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = np.asarray(points, np.float64)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    eye_to_eye, eye_to_mouth = right_eye - left_eye, mouth - eyes
    x = eye_to_eye - np.array([-eye_to_mouth[1], eye_to_mouth[0]])
    x /= np.hypot(*x)
    x *= max(np.hypot(*eye_to_eye) * 2.0, np.hypot(*eye_to_mouth) * 1.8)
    y = np.array([-x[1], x[0]])
    center = eyes + eye_to_mouth * 0.1
    return np.stack([center - x - y, center - x + y, center + x + y, center + x - y])


def ffhq_crop(image: Image.Image, points: Points, size: int = 512) -> Image.Image:
    """The FFHQ crop, ``size`` x ``size``, resampled once from full resolution; borders repeat the edge mirrored."""
    top_left, bottom_left, _, top_right = ffhq_quad(points)
    matrix = similarity(np.stack([top_left, bottom_left, top_right]), np.array([[0.0, 0.0], [0.0, size], [size, 0.0]]))
    return _warp(image, matrix, size, reflect=True)


def _warp(image: Image.Image, matrix: NDArray[np.float64], size: int, reflect: bool = False) -> Image.Image:
    """Draw ``image`` through the forward ``matrix`` (2, 3) on a ``size`` x ``size`` canvas.

    A strong reduction is done in two steps, a box-filtered shrink first: bicubic alone would alias.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    factor = max(1, int(1 / scale))
    if factor > 1:
        width, height = image.size
        image = image.reduce(factor)
        matrix = matrix @ np.diag([width / image.size[0], height / image.size[1], 1.0])
    full = np.vstack([matrix, [0.0, 0.0, 1.0]])
    if reflect:
        image, full = _pad_reflect(image, full, size)
    inverse = np.linalg.inv(full)
    return image.transform(
        (size, size), Image.Transform.AFFINE, tuple(inverse[:2].ravel()), resample=Image.Resampling.BICUBIC
    )


def _pad_reflect(image: Image.Image, matrix: NDArray[np.float64], size: int) -> tuple[Image.Image, NDArray[np.float64]]:
    """Mirror the picture beyond its border as far as the crop reaches; the matrix follows."""
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], np.float64)
    reached = (np.linalg.inv(matrix) @ corners.T).T[:, :2]
    width, height = image.size
    before = np.ceil(np.maximum(0, -reached.min(0)) + 3).astype(int)
    after = np.ceil(np.maximum(0, reached.max(0) - (width, height)) + 3).astype(int)
    if (before <= 3).all() and (after <= 3).all():
        before, after = np.array([3, 3]), np.array([3, 3])
    padding = ((before[1], after[1]), (before[0], after[0]), (0, 0))
    padded = np.pad(np.asarray(image), padding, mode="symmetric")
    shift = np.eye(3)
    shift[:2, 2] = -before
    return Image.fromarray(padded), matrix @ shift
