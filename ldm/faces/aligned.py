"""Face vectors of pictures that are aligned already: nobody looks for the face again."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ldm.faces.align import FFHQ_512, arcface_crop
from ldm.faces.encode import FaceEncoder


class AlignedFaces:
    """(N, 3, S, S) FFHQ crops in [-1, 1] -> (N, F) unit face vectors.

    The FFHQ rule puts everybody's eyes and mouth near the same places, so the crop that a face network wants is taken
    at their mean. Pictures without a face get a vector like any other: give none.

    Args:
        encoder: the face network.
    """

    def __init__(self, encoder: FaceEncoder) -> None:
        self.encoder = encoder

    @property
    def name(self) -> str:
        """What its vectors are called; they are not quite those of a face that was looked for."""
        return f"{self.encoder.name} of aligned pictures"

    def __call__(self, images: Tensor) -> Tensor:
        """The vectors, float32, on the CPU."""
        scale = images.shape[-1] / 512
        points = (FFHQ_512 + 0.5) * scale - 0.5
        pixels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        crops = [np.asarray(arcface_crop(Image.fromarray(picture), points)) for picture in pixels]
        return torch.from_numpy(self.encoder(crops))
