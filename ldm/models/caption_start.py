"""A text encoder's start: it learns what a caption says about a face, before anything is drawn.

Left to the UNet's gradient alone, thousands of names are learned one by one, each from a handful of noisy pictures.
Here captions are asked for the face vector and the rough colours of the picture they belong to. Names of people who
look alike come to lie near each other, and drawing begins with a text side that can tell people apart.
"""

from pathlib import Path
from typing import Annotated, Any, cast

import pytorch_lightning as pl
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ldm.batch import Batch
from ldm.models.diffusion.attention import suit_device
from ldm.models.diffusion.export import save_model
from ldm.modules.encoders.modules import FrozenCLIPEmbedder
from ldm.modules.optimizer import AdamW
from ldm.randomness import generator
from ldm.util import instantiate_from_config
from ldm.weights.read import read_model
from ldm.weights.text_start import centre_pooled_prompt

ROUGH = 2
"""Side of the picture whose colours a caption is asked for, in latents averaged over blocks."""
CENTRED_OVER = 512
"""Captions over which the pooled prompt is centred."""


class CaptionStart(pl.LightningModule):
    """Trains a model's text encoder to say by a caption what its picture shows, through one linear layer.

    Asked are the states at the end token, at the padding, which the UNet sees too, and at the token before the end,
    where a name that ends a caption stands. The squared error makes them say the mean of what a caption can mean.
    Source: the prior of Ramesh et al. 2022, "Hierarchical Text-Conditional Image Generation with CLIP Latents", §2.2,
    is trained by the same error in CLIP's space.

    Args:
        ckpt_path: the model; its text encoder is trained, its UNet only told of the new range of prompts.
        face_weight: of the squared error of the face vector, scaled to mean square 1.
        picture_weight: of that of the rough picture, scaled latents.
        face_width: of the face vectors beside the latents; SFace has 128 numbers.
        optimizer_config: node of the optimizer, see :class:`ldm.modules.optimizer.AdamW`.
        seed: of the prompts over which the UNet's pooled prompt is centred.
    """

    def __init__(
        self,
        ckpt_path: Path,
        face_weight: Annotated[float, Field(ge=0)] = 1.0,
        picture_weight: Annotated[float, Field(ge=0)] = 1.0,
        face_width: Annotated[int, Field(gt=0)] = 128,
        optimizer_config: dict[str, Any] | None = None,
        seed: int = 23,
    ) -> None:
        super().__init__()
        self.learning_rate = 1e-3
        self.face_weight, self.picture_weight, self.seed = face_weight, picture_weight, seed
        self.optimizer: AdamW = instantiate_from_config(optimizer_config) if optimizer_config else AdamW()
        parts = read_model(ckpt_path)
        self.weights_folder, self.noise_scheduler = parts.folder, parts.scheduler
        self.unet, self.first_stage_model = parts.unet, parts.vae
        self.cond_stage_model = FrozenCLIPEmbedder(parts.tokenizer, parts.text_encoder)
        for frozen in (self.unet, self.first_stage_model):
            frozen.requires_grad_(False).eval()
        width = int(cast(Any, parts.text_encoder).config.hidden_size)
        self.says_face = nn.Linear(width, face_width)
        self.says_picture = nn.Linear(width, int(self.first_stage_model.config.latent_channels) * ROUGH**2)

    def setup(self, stage: str) -> None:
        """Choose the kernels that suit the device."""
        suit_device(self.unet, self.cond_stage_model.transformer, self.trainer.strategy, compiled=False)

    def states(self, captions: list[str]) -> Tensor:
        """(3, B, D) hidden states of captions: at the token before the end, at the end, and at a padding behind it."""
        stage = self.cond_stage_model
        ids = stage.tokenize(captions).ids
        ends = (ids[:, 1:] == stage.tokenizer.eos_token_id).int().argmax(1) + 1  # padding is the end token too
        ids = ids[:, : int(ends.max()) + 2].to(self.device)  # no state sees what comes behind it
        hidden = stage.transformer(input_ids=ids).last_hidden_state  # (B, l, D)
        rows = torch.arange(len(ids))
        return torch.stack([hidden[rows, ends - 1], hidden[rows, ends], hidden[:, -1]])

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Squared errors of face vectors (of pictures that have one) and of rough pictures."""
        states = self.states(batch["caption"])
        faces = batch["embedding"].to(states) * batch["embedding"].shape[1] ** 0.5  # mean square 1
        rough = F.adaptive_avg_pool2d(batch["latents"], ROUGH).flatten(1)
        has_face = faces.any(1).to(states)  # (B,); a picture of two people has none
        face_error = (self.says_face(states) - faces).square().mean(-1)  # (3, B)
        face = (face_error * has_face).sum() / (len(states) * has_face.sum()).clamp_min(1)
        picture = (self.says_picture(states) - rough).square().mean()
        self.log_dict({"train/face": face.detach(), "train/picture": picture.detach()}, prog_bar=True)
        return torch.as_tensor(self.face_weight * face + self.picture_weight * picture)

    def configure_optimizers(self) -> Any:
        """The optimizer over the text encoder and what it is asked through."""
        trained = {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}
        steps, precision = self.trainer.max_steps, str(self.trainer.precision)
        return self.optimizer.build(trained, self.learning_rate, steps, precision)

    def export(self, folder: Path, step: int) -> list[Path]:
        """Write the model as a diffusers folder ``model_gs-<step>`` into ``folder``; its weight files.

        The UNet's pooled prompt is centred over the captions of training pictures.
        """
        data = getattr(self._trainer, "datamodule", None)
        if data is not None:
            draws = generator(self.seed, "centre")
            chosen = torch.randint(len(data.datasets["train"]), (CENTRED_OVER,), generator=draws).tolist()
            captions = [data.datasets["train"][place]["caption"] for place in chosen]
            ids = self.cond_stage_model.tokenize(captions).ids.to(self.device)
            centre_pooled_prompt(self.unet, self.cond_stage_model.transformer, ids)
        return save_model(self, folder / f"model_gs-{step}")
