"""A fingerprint of a picture that survives saving again, shrinking and brightening: near-duplicates have near ones."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE_PX = 32
BITS = 64

Fingerprint = NDArray[np.bool_]
"""(64,) bits."""


def fingerprint(image: Image.Image) -> Fingerprint:
    """(64,) bits: the signs of the low frequencies of the grey picture, around their median.

    Source: the DCT hash of Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions".
    """
    from scipy.fft import dctn

    grey = image.convert("L").resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    low = dctn(np.asarray(grey, np.float64), norm="ortho")[:8, :8].ravel()
    bits: Fingerprint = low > np.median(low[1:])
    return bits


def distance(first: Fingerprint, second: Fingerprint) -> int:
    """In how many of 64 bits two fingerprints differ: near 0 for copies, about 32 for different pictures."""
    return int((first != second).sum())
