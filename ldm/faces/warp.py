"""Draw a picture through a similarity transform, from full resolution and without aliasing."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

MAX_OVERSAMPLING = 4
"""Pixels of the canvas in between for one of the crop, along a side; larger photos are reduced by a whole factor."""

Matrix = NDArray[np.float64]


def warp(image: Image.Image, matrix: Matrix, size: int, border: Literal["black", "mirror"] = "black") -> Image.Image:
    """``image`` (RGB) drawn through ``matrix`` (2, 3), photo to canvas, on ``size`` x ``size`` pixels.

    Where the photo is shrunk it is first drawn at its own resolution and then brought down by a Lanczos filter, so that
    every pixel of it counts: sampling it at the canvas' pixels alone would alias.

    Args:
        image: the photo.
        matrix: a similarity, mirrored or not; whole numbers are the middles of pixels.
        size: side of the canvas in pixels.
        border: what lies outside of the photo: black, or the photo mirrored, the softer the farther out.
    """
    to_photo = _edge_based(np.linalg.inv(np.vstack([matrix, [0.0, 0.0, 1.0]]))[:2])
    factor = max(1, int(np.ceil(_scale(to_photo) / MAX_OVERSAMPLING)))
    photo, to_photo = image.reduce(factor) if factor > 1 else image, to_photo / factor
    region, offset = _region(photo, to_photo, size, border)
    to_region = to_photo - np.array([[0.0, 0.0, offset[0]], [0.0, 0.0, offset[1]]])
    oversampling = max(1, int(np.ceil(_scale(to_photo))))
    drawn = region.transform(
        (size * oversampling, size * oversampling),
        Image.Transform.AFFINE,
        tuple((to_region / [oversampling, oversampling, 1.0]).ravel().tolist()),
        resample=Image.Resampling.BICUBIC,
    )
    crop = drawn.resize((size, size), Image.Resampling.LANCZOS) if oversampling > 1 else drawn
    return _softened(crop, _outside(photo, to_photo, size)) if border == "mirror" else crop


def _scale(matrix: Matrix) -> float:
    """By how much a similarity lengthens."""
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def _edge_based(matrix: Matrix) -> Matrix:
    """A matrix for whole numbers in the middles of pixels, for whole numbers at their edges, as Pillow counts."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    return np.column_stack([linear, shift + 0.5 - linear @ [0.5, 0.5]])


def _region(
    photo: Image.Image, to_photo: Matrix, size: int, border: Literal["black", "mirror"]
) -> tuple[Image.Image, tuple[int, int]]:
    """The part of ``photo`` that the canvas reaches, mirrored or black beyond the border, and its left top corner."""
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], np.float64) @ to_photo.T
    left, top = np.floor(corners.min(0)).astype(int) - 3
    right, bottom = np.ceil(corners.max(0)).astype(int) + 3
    if border == "black":
        return photo.crop((left, top, right, bottom)), (left, top)
    columns, rows = _mirrored(left, right, photo.width), _mirrored(top, bottom, photo.height)
    box = (int(np.min(columns)), int(np.min(rows)), int(np.max(columns)) + 1, int(np.max(rows)) + 1)
    pixels = np.asarray(photo.crop(box))[np.ix_(rows - box[1], columns - box[0])]
    return Image.fromarray(pixels), (left, top)


def _mirrored(start: int, stop: int, length: int) -> NDArray[np.intp]:
    """Indices ``start`` to ``stop`` - 1 of a row of ``length`` pixels that is mirrored again and again at its ends."""
    index = np.arange(start, stop) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)


def _outside(photo: Image.Image, to_photo: Matrix, size: int) -> NDArray[np.float64]:
    """(size, size) how far each canvas pixel lies outside of ``photo``, as a share of the canvas; 0 inside."""
    middles = np.arange(size) + 0.5
    x, y = (row[0] * middles[None, :] + row[1] * middles[:, None] + row[2] for row in to_photo)
    beyond_x = np.maximum(np.maximum(-x, x - photo.width), 0)
    beyond_y = np.maximum(np.maximum(-y, y - photo.height), 0)
    return np.asarray(np.hypot(beyond_x, beyond_y) / (_scale(to_photo) * size), np.float64)


def _softened(crop: Image.Image, outside: NDArray[np.float64]) -> Image.Image:
    """``crop`` blurred where it was made up: a little at the border, without any detail a fifth of its side beyond."""
    if not outside.any():
        return crop
    pixels = np.asarray(crop, np.float64)
    for reach, radius in ((0.02, 0.01), (0.2, 0.08)):
        blurred = np.asarray(crop.filter(ImageFilter.GaussianBlur(radius * crop.width)), np.float64)
        pixels += (blurred - pixels) * np.clip(outside / reach, 0, 1)[..., None]
    return Image.fromarray((pixels + 0.5).clip(0, 255).astype(np.uint8))
