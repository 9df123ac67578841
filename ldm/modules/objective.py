"""What is the loss: the target of a prediction, its weight over time and space, and the mean."""

from typing import Annotated, Any

import torch
from einops import rearrange
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F


def signal_to_noise(alphas_cumprod: Tensor, timesteps: Tensor) -> Tensor:
    """(B,) ratio abar / (1 - abar) at ``timesteps`` (B,)."""
    abar = alphas_cumprod[timesteps]
    return abar / (1 - abar)


def min_snr_weight(snr: Tensor, gamma: float, prediction_type: str) -> Tensor:
    """(B,) weight of a sample's squared error.

    Source: Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting", eq. 8 and its form for v.
    """
    clipped = snr.clamp(max=gamma)
    return clipped / (snr + 1) if prediction_type == "v_prediction" else clipped / snr


def training_target(scheduler: Any, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """What the UNet should say, (B, c, h, w): the noise, or v (Salimans & Ho 2022, appendix D).

    Raises:
        ValueError: the scheduler wants a prediction type that is neither.
    """
    kind = scheduler.config.prediction_type
    if kind == "epsilon":
        return noise
    if kind == "v_prediction":
        velocity: Tensor = scheduler.get_velocity(latents, noise, timesteps)
        return velocity
    raise ValueError(f"prediction_type {kind!r} of the model's scheduler is not trained here: epsilon or v_prediction")


def prior_preserving(per_sample: Tensor, is_prior: Tensor, prior_loss_weight: float) -> Tensor:
    """DreamBooth's loss (Ruiz et al. 2022): instance images plus ``prior_loss_weight`` times class images.

    ``per_sample`` and ``is_prior`` are (B,); a batch of one kind only gives that kind's mean, a class-only batch
    weighted. No branch looks at ``is_prior``: a device would have to be waited for.
    """
    prior = is_prior.to(per_sample)
    instances = 1 - prior
    mean = (per_sample * instances).sum() / instances.sum().clamp_min(1)
    return mean + prior_loss_weight * (per_sample * prior).sum() / prior.sum().clamp_min(1)


class DiffusionObjective(nn.Module):
    """Squared error of the prediction, weighted over time (min-SNR), space (``loss_weight``) and kind (prior).

    Args:
        min_snr_gamma: clip of the signal-to-noise ratio, 5 in the paper; null weights all timesteps alike.
        noise_offset: share of noise that is constant over a channel, so that overall brightness is learned.
        prior_loss_weight: of class pictures.
        timestep_shift: 1 draws all timesteps alike; larger ones draw more of high noise, where it is decided what is
            seen: u in [0, 1) becomes s u / (1 + (s - 1) u). Source: Esser et al. 2024, "Scaling Rectified Flow
            Transformers", eq. 23.
    """

    def __init__(
        self,
        min_snr_gamma: Annotated[float, Field(gt=0)] | None = None,
        noise_offset: Annotated[float, Field(ge=0)] = 0.0,
        prior_loss_weight: Annotated[float, Field(ge=0)] = 1.0,
        timestep_shift: Annotated[float, Field(gt=0)] = 1.0,
    ) -> None:
        super().__init__()
        self.min_snr_gamma, self.noise_offset = min_snr_gamma, noise_offset
        self.prior_loss_weight, self.timestep_shift = prior_loss_weight, timestep_shift

    def timesteps(self, count: int, num_train_timesteps: int, generator: torch.Generator) -> Tensor:
        """(count,) int64 timesteps, drawn on the CPU so that every device trains on the same."""
        if self.timestep_shift == 1:
            return torch.randint(num_train_timesteps, (count,), generator=generator)
        drawn = torch.rand(count, generator=generator, dtype=torch.float64)
        shifted = self.timestep_shift * drawn / (1 + (self.timestep_shift - 1) * drawn)
        return (shifted * num_train_timesteps).long()

    def noise(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        """(B, c, h, w) noise like ``latents``, from a CPU generator so that every device draws the same."""
        noise = torch.randn(latents.shape, generator=generator)
        if self.noise_offset:
            noise += self.noise_offset * torch.randn((*latents.shape[:2], 1, 1), generator=generator)
        return noise.to(latents)

    def forward(
        self,
        prediction: Tensor,
        target: Tensor,
        timesteps: Tensor,
        scheduler: Any,
        loss_weight: Tensor | None = None,
        is_prior: Tensor | None = None,
    ) -> Tensor:
        """The loss, a scalar, in float32.

        Args:
            prediction: (B, c, h, w).
            target: (B, c, h, w).
            timesteps: (B,) int64.
            scheduler: gives ``alphas_cumprod`` and the prediction type.
            loss_weight: (B, 1, h, w) or pixels (B, 1, H, W), shrunk by area.
            is_prior: (B,) bool.
        """
        error = F.mse_loss(prediction.float(), target.float(), reduction="none")  # (B, c, h, w)
        if loss_weight is not None:
            error = error * F.interpolate(loss_weight.to(error), size=error.shape[-2:], mode="area")
        per_sample = rearrange(error, "b c h w -> b (c h w)").mean(1)  # (B,)
        if self.min_snr_gamma is not None:
            snr = signal_to_noise(scheduler.alphas_cumprod.to(timesteps.device), timesteps)
            per_sample = per_sample * min_snr_weight(snr, self.min_snr_gamma, scheduler.config.prediction_type)
        if is_prior is None:
            return per_sample.mean()
        return prior_preserving(per_sample, is_prior, self.prior_loss_weight)
