"""Pictures to scaled latents and back, by a frozen first stage."""

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
