"""The first stage: pictures to latents and back (a variational autoencoder), trained from nothing."""

import logging
from collections.abc import Iterator, Mapping
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
from ldm.models.first_stage import measure_latents
from ldm.modules.discriminator import PatchDiscriminator, hinge
from ldm.modules.optimizer import AdamW
from ldm.modules.perceptual import PerceptualDistance, Trunk
from ldm.randomness import generator
from ldm.util import instantiate_from_config

logger = logging.getLogger(__name__)
PERCEPTUAL = "perceptual."
MEASURED = 512
"""Training pictures from which the latents' scale is measured at every export."""


class AutoencoderKL(pl.LightningModule):
    """Trains a diffusers ``AutoencoderKL``: how far pictures come back from what they were, and a pull to N(0, 1).

    The distance is L1, L2 and, where asked for, perceptual and adversarial. Generator and discriminator move in one
    step of one optimizer: each has its own loss, and neither gets a gradient from the other's.

    Args:
        vae_config: node of the network, normally ``diffusers.AutoencoderKL``.
        kl_weight: weight of the divergence, per latent number; larger makes latents easier to diffuse, pictures softer.
        l1_weight: of the absolute distance.
        l2_weight: of the squared distance.
        perceptual_weight: of the perceptual distance, see :class:`ldm.modules.perceptual.PerceptualDistance`.
        perceptual_net: its network.
        adversarial_weight: of the patch discriminator's opinion; 0 has no discriminator.
        adversarial_start: the step from which on there is one: before, pictures are too bad to argue about.
        block_pca: a picture store: the encoder becomes the block PCA of its pictures and stays so, only the decoder is
            trained (see :mod:`ldm.models.block_pca`); null trains both.
        optimizer_config: node of the optimizer, see :class:`ldm.modules.optimizer.AdamW`.
        seed: of the posterior's noise.
    """

    def __init__(
        self,
        vae_config: Mapping[str, Any],
        kl_weight: Annotated[float, Field(ge=0)] = 5e-4,
        l1_weight: Annotated[float, Field(ge=0)] = 1.0,
        l2_weight: Annotated[float, Field(ge=0)] = 1.0,
        perceptual_weight: Annotated[float, Field(ge=0)] = 0.0,
        perceptual_net: Trunk = "alex",
        adversarial_weight: Annotated[float, Field(ge=0)] = 0.0,
        adversarial_start: Annotated[int, Field(ge=0)] = 10_000,
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
        self.kl_weight, self.l1_weight, self.l2_weight = kl_weight, l1_weight, l2_weight
        self.perceptual_weight, self.adversarial_weight = perceptual_weight, adversarial_weight
        self.adversarial_start = adversarial_start
        self.perceptual = PerceptualDistance(perceptual_net) if perceptual_weight else None
        self.discriminator = PatchDiscriminator() if adversarial_weight else None
        self.optimizer: AdamW = instantiate_from_config(optimizer_config) if optimizer_config else AdamW()
        self.seed = seed

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Distance of the reconstruction of a posterior sample, the divergence, and the discriminator's own loss."""
        image = batch["image"].to(memory_format=torch.channels_last)
        posterior = self.vae.encode(image).latent_dist
        draws = generator(self.seed, "posterior", self.global_step, batch_idx, self.global_rank)
        noise = torch.randn(posterior.mean.shape, generator=draws).to(posterior.mean)
        decoded = self.vae.decode(posterior.mean + posterior.std * noise).sample
        divergence = posterior.kl().mean() / posterior.mean[0].numel()
        terms = {"l1": F.l1_loss(decoded, image), "l2": F.mse_loss(decoded, image), "kl": divergence}
        weights = {"l1": self.l1_weight, "l2": self.l2_weight, "kl": self.kl_weight}
        if self.perceptual is not None:
            terms["perceptual"], weights["perceptual"] = self.perceptual(image, decoded).mean(), self.perceptual_weight
        if self.discriminator is not None and self.global_step >= self.adversarial_start:
            with self.discriminator.fixed():
                terms["adversarial"] = -self.discriminator(decoded).mean()
            terms["discriminator"] = hinge(self.discriminator(image), self.discriminator(decoded.detach()))
            weights |= {"adversarial": self.adversarial_weight, "discriminator": 1.0}
        self.log_dict({f"train/{name}": term.detach() for name, term in terms.items()}, prog_bar=True)
        return torch.stack([weights[name] * term for name, term in terms.items()]).sum()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Squared distance of the posterior mean's reconstruction, pixels in [-1, 1]."""
        image = batch["image"]
        decoded = self.vae.decode(self.vae.encode(image).latent_dist.mean).sample
        self.log("val/mse", F.mse_loss(decoded, image), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """The optimizer over all that is trained: decoder, encoder unless it was written down, discriminator."""
        trained = {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}
        steps, precision = self.trainer.max_steps, str(self.trainer.precision)
        return self.optimizer.build(trained, self.learning_rate, steps, precision)

    @torch.no_grad()
    def log_images(self, batch: Batch, num_images: int = 8, seed: int = 0) -> dict[str, Tensor]:
        """``inputs`` and ``reconstruction``, each (N, 3, H, W) in [-1, 1]."""
        image = batch["image"][:num_images].to(self.device)
        decoded = self.vae.decode(self.vae.encode(image).latent_dist.mean).sample
        return {"inputs": image, "reconstruction": decoded.clamp(-1, 1)}

    def export(self, folder: Path, step: int) -> list[Path]:
        """Write the network as a diffusers folder ``vae_gs-<step>`` into ``folder``; its weight files.

        Its config gets the scaling factor, one over the deviation of the training pictures' latents, and
        ``latents_std``, the deviation of each channel.
        """
        target = folder / f"vae_gs-{step}"
        self._write_scale()
        with atomic_folder(target) as new:
            self.vae.save_pretrained(new)
        return sorted(target.glob("*.safetensors"))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out the perceptual network: it is never changed."""
        kept = checkpoint["state_dict"].items()
        checkpoint["state_dict"] = {name: value for name, value in kept if not name.startswith(PERCEPTUAL)}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put it back, so that loading finds every name."""
        own = self.state_dict().items()
        checkpoint["state_dict"] |= {name: value for name, value in own if name.startswith(PERCEPTUAL)}

    @torch.no_grad()
    def _write_scale(self) -> None:
        """Measure the latents of some training pictures, if there is a trainer that has any."""
        data = getattr(self._trainer, "datamodule", None)
        pictures = data.datasets.get("train") if data is not None else None
        if pictures is None:
            logger.warning("no training pictures to measure the latents of: the scaling factor stays as it is")
            return
        chosen = np.linspace(0, len(pictures) - 1, min(MEASURED, len(pictures))).astype(int)

        def images() -> Iterator[Tensor]:
            yield from (pictures[int(place)]["image"] for place in chosen)

        std, by_channel = measure_latents(self.vae, images())
        self.vae.register_to_config(scaling_factor=1 / std, latents_std=by_channel)


def _some_pictures(folder: Path, count: int = 3000) -> Tensor:
    """Evenly chosen training pictures of a store, (count, 3, S, S) in [-1, 1]."""
    store = PictureStore(folder)
    indices = store.select(split="train")
    chosen = indices[np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(int)]
    return as_images(store.pictures[chosen])
