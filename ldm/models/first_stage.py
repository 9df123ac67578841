"""Pictures to scaled latents and back, by a frozen first stage."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def encode(vae: Any, images: Tensor, draws: torch.Generator | None = None) -> Tensor:
    """(N, c, h, w) scaled latents of pictures (N, 3, H, W) in [-1, 1].

    A sample of the posterior with noise from ``draws`` (a CPU generator), or its mean without.
    """
    posterior = vae.encode(images.to(vae.device, vae.dtype)).latent_dist
    latents: Tensor = posterior.mean
    if draws is not None:
        latents = latents + posterior.std * torch.randn(latents.shape, generator=draws).to(latents)
    return latents * float(vae.config.scaling_factor)


@torch.no_grad()
def decode(vae: Any, latents: Tensor) -> Tensor:
    """(N, 3, H, W) float32 pictures in [-1, 1] of scaled latents."""
    decoded: Tensor = vae.decode((latents / vae.config.scaling_factor).to(vae.dtype)).sample
    return decoded.float().clamp(-1, 1)


def downscale(vae: Any) -> int:
    """Pixels per latent position."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


@torch.no_grad()
def measure_latents(vae: Any, images: Iterable[Tensor], batch_size: int = 16) -> tuple[float, list[float]]:
    """Standard deviation of the latents (posterior means) of pictures (3, H, W): of all numbers, and by channel.

    Raises:
        ValueError: there are no pictures, or their latents are all alike.
    """
    means = [
        vae.encode(batch.to(vae.device, vae.dtype)).latent_dist.mean.float() for batch in _batches(images, batch_size)
    ]
    if not means:
        raise ValueError("no pictures to measure the latents of")
    latents = torch.cat(means)
    std = float(latents.std())
    if not std > 0:
        raise ValueError(f"the latents of {len(latents)} pictures are all alike: the first stage is not trained")
    return std, [float(value) for value in latents.transpose(0, 1).flatten(1).std(1)]


def _batches(images: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    waiting = iter(images)
    while batch := list(islice(waiting, size)):
        yield torch.stack(batch)
