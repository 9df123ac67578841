"""Latent diffusion with one slot for what a method changes."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from torch import Tensor, nn

from ldm.batch import Batch, Conditioning
from ldm.config import Injected
from ldm.faces.backend import FaceBackend, FaceCrop, load_backend
from ldm.models.diffusion.attention import suit_device
from ldm.models.diffusion.export import export_run
from ldm.models.diffusion.kept import basis_of, keep_only, require_kept
from ldm.models.diffusion.preview import preview
from ldm.models.first_stage import decode, downscale, encode
from ldm.modules.dropout import Dropout, drop_captions
from ldm.modules.encoders.modules import FrozenCLIPEmbedder
from ldm.modules.encoders.remembered import RememberedText
from ldm.modules.identity import IdentityMemory
from ldm.modules.objective import DiffusionObjective, training_target
from ldm.modules.optimizer import AdamW, pass_over_closed
from ldm.modules.personalization import Personalization
from ldm.randomness import generator
from ldm.util import instantiate_from_config
from ldm.weights.read import read_model


class LatentDiffusion(pl.LightningModule):
    """A Stable Diffusion of which exactly what the personalization names is trained.

    Args:
        ckpt_path: the weights: a diffusers folder, a single file of SD 1.x (.ckpt, .safetensors), or a name on the hub.
        ckpt_ema: of a single file that holds averaged weights too, take those.
        ckpt_dtype: of the weights that are not trained; half of float32's memory where the precision is bf16 or fp16.
        personalization_config: node of the method; null changes and trains nothing.
        objective_config: node of the loss, see :class:`ldm.modules.objective.DiffusionObjective`.
        cond_stage_config: node of the text side, see :class:`ldm.modules.encoders.modules.FrozenCLIPEmbedder`.
        face_backend: whose face vectors the method takes, see :func:`ldm.faces.backend.load_backend`.
        face_crop: how that network is shown a face: cut out by its five points, or as CelebBasis did.
        caption_dropout: share of captions replaced by the empty one, for classifier-free guidance.
        dropout_kind: ``rate`` drops each caption with that chance, ``share`` that share of each batch, rounded down.
        gradient_checkpointing: recompute activations in the backward pass: less memory, a third more time.
        compile_unet: train with a UNet compiled by torch.compile (needs a C++ compiler); a slow first step.
        optimizer_config: node of the optimizer, see :class:`ldm.modules.optimizer.AdamW`.
        seed: noise, timesteps and posterior are functions of it, the step and the rank.
        only_draw: nothing will be trained, so the method is given no face network.
    """

    def __init__(
        self,
        ckpt_path: Path,
        ckpt_ema: bool = False,
        ckpt_dtype: Literal["float32", "bfloat16", "float16"] = "float32",
        personalization_config: Mapping[str, Any] | None = None,
        objective_config: Mapping[str, Any] | None = None,
        cond_stage_config: Mapping[str, Any] | None = None,
        face_backend: str = "auto",
        face_crop: FaceCrop = "five_points",
        caption_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0,
        dropout_kind: Dropout = "rate",
        gradient_checkpointing: bool = False,
        compile_unet: bool = False,
        optimizer_config: Mapping[str, Any] | None = None,
        seed: int = 23,
        only_draw: Injected[bool] = False,
    ) -> None:
        super().__init__()
        self.strict_loading = False  # checkpoints hold what was trained; on_load_checkpoint checks that it is all there
        self.learning_rate, self.remembered = 1e-4, RememberedText()
        self.caption_dropout, self.dropout_kind, self.seed = caption_dropout, dropout_kind, seed
        self.compile_unet = compile_unet
        self.optimizer: AdamW = instantiate_from_config(optimizer_config) if optimizer_config else AdamW()
        parts = read_model(ckpt_path, getattr(torch, ckpt_dtype), ckpt_ema)
        self.weights_folder, self.defaults, self.noise_scheduler = parts.folder, parts.defaults, parts.scheduler
        self.unet, self.first_stage_model = parts.unet, parts.vae
        stage = cond_stage_config or {"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder"}
        self.cond_stage_model: FrozenCLIPEmbedder = instantiate_from_config(
            stage, tokenizer=parts.tokenizer, text_encoder=parts.text_encoder, model_celeb_txt=parts.celeb_txt
        )
        objective = objective_config or {"target": "ldm.modules.objective.DiffusionObjective"}
        self.objective: DiffusionObjective = instantiate_from_config(objective)
        self.face_backend, self.face_crop, self.only_draw = face_backend, face_crop, only_draw
        self.personalization = self._build_personalization(personalization_config)
        self._freeze_all_but_trained()
        if gradient_checkpointing:
            self.unet.enable_gradient_checkpointing()

    @cached_property
    def faces(self) -> FaceBackend:
        """The networks that find and describe faces, loaded at first use."""
        return load_backend(self.face_backend).with_crop(self.face_crop)

    def _build_personalization(self, config: Mapping[str, Any] | None) -> Personalization:
        """The method, given what the model knows."""
        if config is None:
            return Personalization()
        injected: dict[str, Any] = {
            "tokenizer": self.cond_stage_model.tokenizer,
            "max_length": self.cond_stage_model.max_length,
            "basis": self.cond_stage_model.celeb_basis,
            "face_encoder": None if self.only_draw else lambda: self.faces.vectors,
        }
        method: Personalization = instantiate_from_config(config, **injected, injected=injected)
        return method

    def _freeze_all_but_trained(self) -> None:
        """A parameter is trained if and only if it requires grad after this."""
        networks = (self.unet, self.cond_stage_model.transformer)
        self.personalization.attach(*networks)
        self.requires_grad_(False)
        for parameter in self.personalization.trained(*networks):
            parameter.requires_grad_(True)
            parameter.data = parameter.data.float()
        self._set_modes()

    def _set_modes(self) -> None:
        """Networks that are not trained stay in evaluation mode (dropout)."""
        for network in (self.unet, self.cond_stage_model, self.first_stage_model):
            network.train(self.training and any(p.requires_grad for p in network.parameters()))

    def setup(self, stage: str) -> None:
        """Choose the layout and kernels that suit the device, before a strategy takes the parameters over."""
        self.remembered.forget()
        suit_device(self.unet, self.cond_stage_model.transformer, self.trainer.strategy, self.compile_unet)

    def on_train_epoch_start(self) -> None:
        """Frozen networks go back from the training mode that Lightning puts everything into."""
        self._set_modes()

    @property
    def micro_step(self) -> int:
        """Batches seen so far in the run, over epochs and resumes: what randomness depends on."""
        return int(self.trainer.fit_loop.epoch_loop.total_batch_idx)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Noise the latents, predict under the captions, compare."""
        loss = self.loss(batch, generator(self.seed, "noise", self.micro_step, self.global_rank))
        self.log("train/loss", loss.detach(), prog_bar=True)
        return loss

    def loss(self, batch: Batch, draws: torch.Generator) -> Tensor:
        """The objective on one batch; all that is random comes from ``draws``."""
        latents = self.encode_first_stage(batch, draws)  # (B, c, h, w)
        noise = self.objective.noise(latents, draws)
        steps = self.noise_scheduler.config.num_train_timesteps
        timesteps = self.objective.timesteps(len(latents), steps, draws).to(latents.device)  # (B,)
        noisy = self.noise_scheduler.add_noise(latents, noise, timesteps)
        captions = drop_captions(batch["caption"], self.caption_dropout, self.dropout_kind, draws)
        prediction = self.predict(noisy, timesteps, self._conditioning(captions, batch), batch)
        target = training_target(self.noise_scheduler, latents, noise, timesteps)
        more = batch.get("loss_weight"), batch.get("is_prior")
        return torch.as_tensor(self.objective(prediction, target, timesteps, self.noise_scheduler, *more))

    def predict(self, noisy: Tensor, timesteps: Tensor, told: Conditioning, batch: Batch | None = None) -> Tensor:
        """(B, c, h, w) what the UNet says about noisy latents, with what the method adds to its layers."""
        more = self.personalization.residuals(noisy, timesteps, told, batch or {})
        kind = self.unet.dtype  # see ckpt_dtype; under autocast the same happens a layer later
        output = self.unet(noisy.to(kind), timesteps, told.context.to(kind), added_cond_kwargs=told.added, **more)
        return torch.as_tensor(output.sample.to(noisy.dtype))

    def encode_first_stage(self, batch: Batch, draws: torch.Generator) -> Tensor:
        """(B, c, h, w) scaled latents: those of the batch, or a posterior sample of its pictures."""
        return batch["latents"] if "latents" in batch else encode(self.first_stage_model, batch["image"], draws)

    def decode_first_stage(self, latents: Tensor) -> Tensor:
        """(B, 3, H, W) pictures in [-1, 1] of scaled latents."""
        return decode(self.first_stage_model, latents)

    def get_learned_conditioning(self, prompts: Sequence[str], batch: Batch | None = None) -> Conditioning:
        """What the UNet is told about ``prompts``; placeholders become the people of ``batch``."""
        tokens = self.personalization.expand(self.cond_stage_model.tokenize(prompts))
        edit = self.personalization.embedding_edit(tokens, batch if batch is not None else {})
        return cast(Conditioning, self.cond_stage_model(tokens, edit))

    def _conditioning(self, captions: Sequence[str], batch: Batch) -> Conditioning:
        """The same for training: remembered by caption where nothing that is trained changes what a caption means."""
        if "embedding" in batch:
            return cast(Conditioning, cast(Any, self.cond_stage_model).with_pictures(batch["embedding"], captions))
        if self.personalization.replaces_vectors or any(p.requires_grad for p in self.cond_stage_model.parameters()):
            return self.get_learned_conditioning(captions, batch)
        return self.remembered(captions, self.get_learned_conditioning)

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """What training changes, by name."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def configure_optimizers(self) -> Any:
        """The optimizer over the trained parameters, and its schedule."""
        steps, precision = self.trainer.max_steps, str(self.trainer.precision)
        return self.optimizer.build(self.trained_parameters(), self.learning_rate, steps, precision)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Let the optimizer pass over what is not trained at this step: its window is closed."""
        pass_over_closed(optimizer)

    def kept_names(self) -> set[str]:
        """State-dict keys that a checkpoint holds: trained parameters and the personalization's own state."""
        own = self.personalization.state_dict(prefix="personalization.")
        return own.keys() | self.trained_parameters().keys()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep trained parameters and the personalization's buffers: kilobytes, not gigabytes."""
        keep_only(checkpoint, self.kept_names(), basis_of(self.personalization))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint that lacks something trained, holds something else, or is on another celeb basis."""
        require_kept(checkpoint, self.state_dict(), self.kept_names(), basis_of(self.personalization))

    def export(self, folder: Path, step: int) -> list[Path]:
        """Write the files a user shares after ``step`` (counted from 0) into ``folder``; their paths."""
        return export_run(self, folder, step)

    def log_images(self, batch: Batch, num_images: int = 8, seed: int = 0) -> dict[str, Tensor]:
        """What a look at the training shows, each (N, 3, H, W) in [-1, 1]; see :func:`preview.preview`."""
        return preview(self, batch, num_images, seed)

    @property
    def sample_size_px(self) -> int:
        """Side of a picture in pixels."""
        return int(self.unet.config.sample_size) * downscale(self.first_stage_model)

    @property
    def max_people(self) -> int | None:
        """How many people the method has room for; None if it learns none by number."""
        rooms = [part.room for part in self.personalization.modules() if isinstance(part, IdentityMemory)]
        return min(rooms, default=None)

    @property
    def face_encoder_name(self) -> str:
        """The network whose face vectors the method takes, and how it is shown a face."""
        return self.faces.vectors_name

    def describe_faces(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(N, F) unit face vectors of aligned pictures."""
        return self.faces.describe_all(pictures)

    def encode_pictures(self, images: Tensor) -> Tensor:
        """(N, c, h, w) scaled latents, posterior means, of pictures (N, 3, H, W) in [-1, 1]."""
        if self._trainer is not None:  # data sets ask before Lightning moves the model: the first stage goes ahead
            self.first_stage_model.to(self.trainer.strategy.root_device)
        return encode(self.first_stage_model, images)
