"""The first stage: pictures to latents and back (a variational autoencoder), trained from nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytorch_lightning as pl
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ldm.batch import Batch
from ldm.data.store import PictureStore
from ldm.files import atomic_folder
from ldm.models.block_pca import as_images, write_block_pca
from ldm.modules.optimizer import AdamW
from ldm.randomness import generator
from ldm.util import instantiate_from_config


class AutoencoderKL(pl.LightningModule):
    """Trains a diffusers ``AutoencoderKL``: L1 and L2 distance plus a small pull of the latents to N(0, 1).

    Args:
        vae_config: node of the network, normally ``diffusers.AutoencoderKL``.
        kl_weight: weight of the divergence, per latent number; larger makes latents easier to diffuse, pictures softer.
        l2_weight: share of the squared beside the absolute distance.
        block_pca: a picture store: the encoder becomes the block PCA of its pictures and stays so, only the decoder is
            trained (see :mod:`ldm.models.block_pca`); null trains both.
        optimizer_config: node of the optimizer, see :class:`ldm.modules.optimizer.AdamW`.
        seed: of the posterior's noise.
    """

    def __init__(
        self,
        vae_config: Mapping[str, Any],
        kl_weight: Annotated[float, Field(ge=0)] = 5e-4,
        l2_weight: Annotated[float, Field(ge=0)] = 1.0,
        block_pca: Path | None = None,
        optimizer_config: Mapping[str, Any] | None = None,
        seed: int = 23,
    ) -> None:
        super().__init__()
        self.vae = instantiate_from_config(vae_config).to(memory_format=torch.channels_last)
        if block_pca is not None:
            write_block_pca(self.vae, _some_pictures(Path(block_pca)))
            for part in (self.vae.encoder, self.vae.quant_conv):
                if part is not None:
                    part.requires_grad_(False)
        self.learning_rate = 1e-3
        self.kl_weight, self.l2_weight = kl_weight, l2_weight
        self.optimizer: AdamW = instantiate_from_config(optimizer_config) if optimizer_config else AdamW()
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
        loss: Tensor = l1 + self.l2_weight * l2 + self.kl_weight * divergence
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Squared distance of the posterior mean's reconstruction, pixels in [-1, 1]."""
        image = batch["image"]
        decoded = self.vae.decode(self.vae.encode(image).latent_dist.mean).sample
        self.log("val/mse", F.mse_loss(decoded, image), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """The optimizer over the decoder, and the encoder where it is trained too."""
        trained = {name: parameter for name, parameter in self.vae.named_parameters() if parameter.requires_grad}
        return self.optimizer.build(trained, self.learning_rate, self.trainer.max_steps)

    @torch.no_grad()
    def log_images(self, batch: Batch, num_images: int = 8, seed: int = 0) -> dict[str, Tensor]:
        """``inputs`` and ``reconstruction``, each (N, 3, H, W) in [-1, 1]."""
        image = batch["image"][:num_images].to(self.device)
        decoded = self.vae.decode(self.vae.encode(image).latent_dist.mean).sample
        return {"inputs": image, "reconstruction": decoded.clamp(-1, 1)}

    def export(self, folder: Path, step: int) -> list[Path]:
        """Write the network as a diffusers folder ``vae_gs-<step>`` into ``folder``; its weight files."""
        target = folder / f"vae_gs-{step}"
        with atomic_folder(target) as new:
            self.vae.save_pretrained(new)
        return sorted(target.glob("*.safetensors"))


def _some_pictures(folder: Path, count: int = 3000) -> Tensor:
    """Evenly chosen training pictures of a store, (count, 3, S, S) in [-1, 1]."""
    store = PictureStore(folder)
    indices = store.select(split="train")
    chosen = indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(int)]
    return as_images(store.pictures[chosen])
