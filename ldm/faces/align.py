"""Crop a face: the FFHQ way for pictures, the ArcFace way for face networks.

Coordinates are those of OpenCV and of the published templates: whole numbers are the middles of pixels.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.transform import SimilarityTransform

from ldm.faces.warp import warp

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

PUBLISHED_THETA = np.array(
    [[1.07695457, -0.03625215, -1.56352194 / 512], [0.03625215, 1.07695457, -5.32134629 / 512]], np.float64
)
"""(2, 3) from crop to 512-px FFHQ picture, both from -1 to 1: how CelebBasis crops what its face network sees.

It was meant the other way round and for pixels, so faces come out smaller than the network knows them.
"""

Points = NDArray[np.float32] | NDArray[np.float64]


def similarity(source: Points, target: Points) -> NDArray[np.float64]:
    """(2, 3) matrix of the least-squares similarity that takes points ``source`` (N, 2) to ``target`` (N, 2).

    Source: Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns".

    Raises:
        ValueError: the points lie on one spot.
    """
    transform = SimilarityTransform.from_estimate(np.asarray(source, np.float64), np.asarray(target, np.float64))
    if not transform:
        raise ValueError(f"no similarity transform fits these points: {np.asarray(source).round(1).tolist()}")
    return np.asarray(transform.params[:2], np.float64)


def apply(matrix: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Points (N, 2) moved by ``matrix`` (2, 3)."""
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def arcface_matrix(points: Points, size: int = 112) -> NDArray[np.float64]:
    """(2, 3) matrix from the picture to its five-point ArcFace crop."""
    return similarity(points, (ARCFACE_112 + 0.5) * (size / 112) - 0.5)


def arcface_crop(image: Image.Image, points: Points, size: int = 112) -> Image.Image:
    """The five-point ArcFace crop, ``size`` x ``size``; outside of the picture is black."""
    return warp(image, arcface_matrix(points, size), size, border="black")


def published_matrix(points: Points) -> NDArray[np.float64]:
    """(2, 3) matrix from the picture to the 112-px crop that CelebBasis shows its face network."""
    turn, shift = np.linalg.inv(PUBLISHED_THETA[:, :2]), PUBLISHED_THETA[:, 2]
    signed = np.vstack([np.column_stack([turn, -turn @ shift]), [0.0, 0.0, 1.0]])  # both canvases from -1 to 1
    from_pixels = np.array([[2 / 511, 0.0, -1.0], [0.0, 2 / 511, -1.0], [0.0, 0.0, 1.0]])
    to_pixels = np.array([[111 / 2, 0.0, 111 / 2], [0.0, 111 / 2, 111 / 2], [0.0, 0.0, 1.0]])
    to_ffhq = np.vstack([similarity(points, FFHQ_512), [0.0, 0.0, 1.0]])
    return np.asarray((to_pixels @ signed @ from_pixels @ to_ffhq)[:2], np.float64)


def published_crop(image: Image.Image, points: Points) -> Image.Image:
    """The crop, 112 x 112, for layers that were trained on it; outside of the picture is black."""
    return warp(image, published_matrix(points), 112, border="black")


def ffhq_quad(points: Points) -> NDArray[np.float64]:
    """(4, 2) corners of the FFHQ crop: top left, bottom left, bottom right, top right.

    Source: Karras et al. 2019, "A Style-Based Generator Architecture", the FFHQ data set's orientation and size rule.

    Raises:
        ValueError: the points lie on one spot.
    """
    left_eye, right_eye, _, left_mouth, right_mouth = np.asarray(points, np.float64)
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    eye_to_eye, eye_to_mouth = right_eye - left_eye, mouth - eyes
    x = eye_to_eye - np.array([-eye_to_mouth[1], eye_to_mouth[0]])
    if np.hypot(*x) < 1e-6:
        raise ValueError(f"eyes and mouth give no direction: {np.asarray(points).round(1).tolist()}")
    x /= np.hypot(*x)
    x *= max(np.hypot(*eye_to_eye) * 2.0, np.hypot(*eye_to_mouth) * 1.8)
    y = np.array([-x[1], x[0]])
    center = eyes + eye_to_mouth * 0.1
    return np.stack([center - x - y, center - x + y, center + x + y, center + x - y])


def ffhq_matrix(points: Points, size: int = 512) -> NDArray[np.float64]:
    """(2, 3) matrix from the picture to its FFHQ crop."""
    corners = np.array([[0.0, 0.0], [0.0, size], [size, size], [size, 0.0]]) - 0.5
    return similarity(ffhq_quad(points), corners)


def ffhq_crop(image: Image.Image, points: Points, size: int = 512) -> Image.Image:
    """The FFHQ crop, ``size`` x ``size``, from full resolution; beyond the border mirrored and softened."""
    return warp(image, ffhq_matrix(points, size), size, border="mirror")
