"""The first stage: pictures to latents and back (a variational autoencoder), trained from nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ldm.batch import Batch
from ldm.randomness import generator
from ldm.util import instantiate_from_config


class AutoencoderKL(pl.LightningModule):
    """Trains a diffusers ``AutoencoderKL``: L1 and L2 distance plus a small pull of the latents to N(0, 1).

    Args:
        vae_config: node of the network, normally ``diffusers.AutoencoderKL``.
        base_learning_rate: of AdamW.
        kl_weight: weight of the divergence, per latent number; larger makes latents easier to diffuse, pictures softer.
        l2_weight: share of the squared beside the absolute distance.
        warmup_steps: steps of linear warm-up.
        decay_fraction: share of all steps at the end over which the learning rate falls to zero.
        seed: of the posterior's noise.
    """

    def __init__(
        self,
        vae_config: Mapping[str, Any],
        base_learning_rate: Annotated[float, Field(gt=0)] = 1e-3,
        kl_weight: Annotated[float, Field(ge=0)] = 5e-4,
        l2_weight: Annotated[float, Field(ge=0)] = 1.0,
        warmup_steps: Annotated[int, Field(ge=0)] = 100,
        decay_fraction: Annotated[float, Field(ge=0, le=1)] = 0.3,
        seed: int = 23,
    ) -> None:
        super().__init__()
        self.vae = instantiate_from_config(vae_config).to(memory_format=torch.channels_last)
        self.learning_rate = base_learning_rate
        self.kl_weight, self.l2_weight = kl_weight, l2_weight
        self.warmup_steps, self.decay_fraction = warmup_steps, decay_fraction
        self.seed = seed

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Distance of the reconstruction from one posterior sample, plus the divergence."""
        image = batch["image"].to(memory_format=torch.channels_last)
        posterior = self.vae.encode(image).latent_dist
        draws = generator(self.seed, "posterior", self.global_step, batch_idx, self.global_rank)
        noise = torch.randn(posterior.mean.shape, generator=draws).to(posterior.mean)
        decoded = self.vae.decode(posterior.mean + posterior.std * noise).sample
        l1, l2 = F.l1_loss(decoded, image), F.mse_loss(decoded, image)
        divergence = posterior.kl().mean() / posterior.mean[0].numel()
        self.log_dict(
            {"train/l1": l1.detach(), "train/l2": l2.detach(), "train/kl": divergence.detach()}, prog_bar=True
        )
        return l1 + self.l2_weight * l2 + self.kl_weight * divergence

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Squared distance of the posterior mean's reconstruction, pixels in [-1, 1]."""
        image = batch["image"]
        decoded = self.vae.decode(self.vae.encode(image).latent_dist.mean).sample
        self.log("val/mse", F.mse_loss(decoded, image), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """AdamW; linear warm-up, constant, linear decay over the last ``decay_fraction`` of the steps."""
        optimizer = torch.optim.AdamW(self.vae.parameters(), lr=self.learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
        schedule = trapezoid(self.trainer.max_steps, self.warmup_steps, self.decay_fraction)
        return [optimizer], [{"scheduler": torch.optim.lr_scheduler.LambdaLR(optimizer, schedule), "interval": "step"}]

    @torch.no_grad()
    def log_images(self, batch: Batch, num_images: int = 8, seed: int = 0) -> dict[str, Tensor]:
        """``inputs`` and ``reconstruction``, each (N, 3, H, W) in [-1, 1]."""
        image = batch["image"][:num_images].to(self.device)
        decoded = self.vae.decode(self.vae.encode(image).latent_dist.mean).sample
        return {"inputs": image, "reconstruction": decoded.clamp(-1, 1)}

    @torch.no_grad()
    def save_pretrained(self, folder: Path, latent_std: float | None = None) -> None:
        """Write the network as a diffusers folder; ``latent_std`` sets its scaling factor to 1 / std."""
        if latent_std is not None:
            self.vae.register_to_config(scaling_factor=1.0 / latent_std)
        self.vae.save_pretrained(folder)


class trapezoid:  # noqa: N801 - used like a function, a class so that it can be pickled
    """Learning-rate factor: linear warm-up to 1, constant, linear decay to 0 at ``max_steps``."""

    def __init__(self, max_steps: int, warmup_steps: int = 0, decay_fraction: float = 0.0) -> None:
        self.max_steps, self.warmup_steps, self.decay_fraction = max_steps, warmup_steps, decay_fraction

    def __call__(self, step: int) -> float:
        factor = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        if self.max_steps > 0 and self.decay_fraction > 0:
            factor = min(factor, max(0.0, (self.max_steps - step) / (self.max_steps * self.decay_fraction)))
        return factor
