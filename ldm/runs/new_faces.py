"""Photos of people whom a run has not learned, as face vectors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm.faces.backend import FaceBackend
from ldm.faces.cut import FaceError, cut_faces
from ldm.faces.photos import read_photo


def describe_photos(photos: Sequence[Path], backend: FaceBackend) -> Tensor:
    """(N, F) unit vectors of the largest face of each photo, as alignment makes them.

    Raises:
        ValueError: a photo cannot be read, or shows no face that is large enough; the message names it.
    """
    vectors = []
    for photo in photos:
        try:
            [cut], _ = cut_faces(read_photo(photo), backend)
        except FaceError as error:
            raise ValueError(f"{photo}: {error}") from error
        vectors.append(cut.vector)
    return torch.from_numpy(np.stack(vectors))
