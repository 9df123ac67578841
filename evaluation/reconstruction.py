"""How well a first stage gives pictures back. Pixels are in [-1, 1] everywhere."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from evaluation.identity import Judge, cosine

DATA_RANGE = 2.0
MS_SSIM_ABOVE_PX = 175
"""Four halvings of a picture must leave the window of 11 pixels: 176 is the smallest side."""

Distance = Callable[[Tensor, Tensor], Tensor]
"""(N, 3, H, W), (N, 3, H, W) -> (N,)."""


@dataclass(frozen=True)
class Reconstruction:
    """One number a picture, by measure: ``mse`` on [-1, 1], ``psnr`` in dB, ``ssim``, ``ms_ssim``, ``perceptual``.

    Attributes:
        values: the measures.
        identity: cosine of the face in each picture that shows one and in its reconstruction, NaN where that has lost
            it; None where nobody looked.
        faceless: pictures without a face.
        undetected: what a lost face counts as; None where it was not measured for the judge.
    """

    values: dict[str, NDArray[np.float64]]
    identity: NDArray[np.float64] | None = None
    faceless: int = 0
    undetected: float | None = None

    @property
    def lost(self) -> int:
        """How many faces the reconstruction has lost."""
        return 0 if self.identity is None else int(np.isnan(self.identity).sum())

    def means(self) -> dict[str, float]:
        """The mean of every measure; identity over the pictures that show a face, a lost one counted as undetected."""
        found = {name: float(values.mean()) for name, values in self.values.items()}
        if self.identity is not None:
            kept = self.identity[~np.isnan(self.identity)]
            if self.undetected is not None:
                kept = np.append(kept, [self.undetected] * self.lost)
            found["identity"] = float(kept.mean()) if len(kept) else float("nan")
        return found


def measure(original: Tensor, decoded: Tensor, perceptual: Distance | None = None) -> dict[str, NDArray[np.float64]]:
    """The measures of pictures (N, 3, H, W) in [-1, 1] and their reconstructions.

    SSIM has a Gaussian window of 11 pixels and a data range of 2. MS-SSIM is measured from 176 px on.
    """
    error = (original - decoded).square().mean((1, 2, 3))
    found = {"mse": error, "psnr": 10 * torch.log10(DATA_RANGE**2 / error.clamp_min(1e-12))}
    options: dict[str, Any] = {"data_range": DATA_RANGE, "kernel_size": 11, "reduction": "none"}
    found["ssim"] = torch.as_tensor(structural_similarity_index_measure(decoded, original, **options))
    if min(original.shape[-2:]) > MS_SSIM_ABOVE_PX:
        found["ms_ssim"] = torch.as_tensor(multiscale_structural_similarity_index_measure(decoded, original, **options))
    if perceptual is not None:
        found["perceptual"] = perceptual(original, decoded)
    return {name: value.reshape(-1).double().cpu().numpy() for name, value in found.items()}


@torch.no_grad()
def reconstruct(
    vae: Any,
    batches: Iterable[Tensor],
    perceptual: Distance | None = None,
    judge: Judge | None = None,
    undetected: float | None = None,
    advance: Callable[[int], object] = lambda count: None,
) -> Reconstruction:
    """Send pictures through ``vae`` (posterior means) and measure what comes back.

    Args:
        vae: the first stage.
        batches: pictures (N, 3, H, W) in [-1, 1].
        perceptual: a distance besides.
        judge: says whether the face is the same.
        undetected: what a face counts as that the reconstruction has lost, by this judge.
        advance: called with the number of pictures after every batch.

    Raises:
        ValueError: there are no pictures.
    """
    parts: list[dict[str, NDArray[np.float64]]] = []
    kept: list[float | None] = []
    for images in batches:
        images = images.to(vae.device, torch.float32)
        decoded = vae.decode(vae.encode(images.to(vae.dtype)).latent_dist.mean).sample.float().clamp(-1, 1)
        parts.append(measure(images, decoded, perceptual))
        if judge is not None:
            kept += identity_kept(judge, pictures_of(images), pictures_of(decoded))
        advance(len(images))
    if not parts:
        raise ValueError("there are no pictures to reconstruct")
    values = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    if judge is None:
        return Reconstruction(values)
    shown = np.array([one for one in kept if one is not None], np.float64)
    return Reconstruction(values, shown, kept.count(None), undetected)


def identity_kept(judge: Judge, before: Sequence[Image.Image], after: Sequence[Image.Image]) -> list[float | None]:
    """Cosine of the face before and after: NaN where it is lost, None where there was none."""
    pairs = zip(judge.vectors(before), judge.vectors(after), strict=True)
    return [None if a is None else float("nan") if b is None else cosine(a, b) for a, b in pairs]


def pictures_of(images: Tensor) -> list[Image.Image]:
    """Pictures of (N, 3, H, W) in [-1, 1]."""
    pixels = ((images.cpu() + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(one) for one in pixels]
