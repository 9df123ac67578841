"""What pictures are compared by: numbers that a network makes of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from evaluation.identity import MIN_SIDE_PX, enlarged
from ldm.faces.align import arcface_crop
from ldm.faces.detect import FaceDetector
from ldm.faces.encode import CROP_PX, FaceEncoder

INCEPTION_PX = 299


@dataclass(frozen=True)
class Described:
    """Numbers of N pictures.

    Attributes:
        features: (N, F) float64.
        logits: (N, K) of classes, where the network has classes.
        faceless: in how many pictures no face was found; None where nobody looked.
    """

    features: NDArray[np.float64]
    logits: NDArray[np.float64] | None = None
    faceless: int | None = None


class FeatureNet(Protocol):
    """Describes pictures. Features of nets with different names cannot be compared."""

    name: str

    def __call__(self, images: Sequence[Image.Image]) -> Described:
        """Numbers of every picture: none is left out."""
        ...


class FaceFeatures:
    """The space of a face network. A picture without a face stays in: the network is shown the whole of it.

    Args:
        detector: finds the faces.
        encoder: describes them.
    """

    def __init__(self, detector: FaceDetector, encoder: FaceEncoder) -> None:
        self._detector, self._encoder, self.name = detector, encoder, f"{detector.name}+{encoder.name}"

    def __call__(self, images: Sequence[Image.Image]) -> Described:
        """(N, F) unit vectors, and how many pictures have no face."""
        crops, faceless = [], 0
        for image in images:
            picture, _ = enlarged(image, MIN_SIDE_PX)
            found = self._detector(np.asarray(picture))
            if not found:
                faceless += 1
            crop = arcface_crop(picture, found[0].points) if found else picture.resize((CROP_PX, CROP_PX))
            crops.append(np.asarray(crop, np.uint8))
        return Described(self._encoder(crops).astype(np.float64), None, faceless)


class Inception:
    """InceptionV3 from a local TorchScript file, as FID is usually measured: 2,048 numbers, and logits for IS.

    Args:
        file: NVIDIA's ``inception-2015-12-05.pt``, or one called in the same way:
            ``net(uint8 (N, 3, 299, 299), return_features=True)``, and without the option class probabilities.

    Raises:
        FileNotFoundError: it is not there.
    """

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise FileNotFoundError(f"there is no Inception network at {file}: give a TorchScript file, or take faces")
        self._net: Any = torch.jit.load(str(file), map_location="cpu").eval()  # type: ignore[no-untyped-call]
        self.name = f"inception ({file.stem})"

    @torch.no_grad()
    def __call__(self, images: Sequence[Image.Image], batch_size: int = 32) -> Described:
        """(N, 2048), and logits (N, K)."""
        features, logits = [], []
        for start in range(0, len(images), batch_size):
            pixels = [np.asarray(image.convert("RGB")) for image in images[start : start + batch_size]]
            batch = torch.stack([torch.from_numpy(one.copy()) for one in pixels]).permute(0, 3, 1, 2).float()
            size = (INCEPTION_PX, INCEPTION_PX)
            batch = F.interpolate(batch, size, mode="bicubic", antialias=True, align_corners=False)
            bytes_ = batch.round().clamp(0, 255).to(torch.uint8)
            features.append(self._net(bytes_, return_features=True).double())
            logits.append(self._net(bytes_).double().clamp_min(1e-12).log())
        return Described(torch.cat(features).numpy(), torch.cat(logits).numpy())
