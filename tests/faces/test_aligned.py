"""Vectors of aligned pictures are nearly those of faces that were looked for."""

import numpy as np
import torch
from PIL import Image

from ldm.faces.align import ffhq_crop
from ldm.faces.aligned import AlignedFaces
from ldm.faces.backend import load_backend


def test_a_crop_describes_the_person_without_being_looked_at(astronaut: Image.Image, hopper: Image.Image) -> None:
    backend = load_backend("yunet-sface")
    faces = [backend.largest(photo) for photo in (astronaut, hopper)]
    found = np.stack([backend.describe(p, f) for p, f in zip((astronaut, hopper), faces, strict=True) if f])
    crops = [ffhq_crop(p, f.points, 128) for p, f in zip((astronaut, hopper), faces, strict=True) if f]
    pixels = torch.from_numpy(np.stack([np.asarray(crop) for crop in crops])).permute(0, 3, 1, 2)
    given = AlignedFaces(backend.encoder)(pixels / 127.5 - 1).numpy()
    np.testing.assert_allclose(np.linalg.norm(given, axis=1), 1, rtol=1e-5)
    alike = given @ found.T
    assert alike.diagonal().min() > 0.8
    assert np.abs(alike[[0, 1], [1, 0]]).max() < 0.4
    assert AlignedFaces(backend.encoder).name == "sface of aligned pictures"
