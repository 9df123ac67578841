"""Latent diffusion with one slot for what a method changes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from pydantic import Field
from torch import Tensor, nn

from ldm.batch import Batch, Conditioning
from ldm.models.autoencoder import trapezoid
from ldm.models.diffusion.attention import use_plain_attention
from ldm.modules.encoders.modules import FrozenCLIPEmbedder
from ldm.modules.objective import DiffusionObjective, training_target
from ldm.modules.personalization import Artifact, Personalization
from ldm.randomness import generator
from ldm.util import instantiate_from_config
from ldm.weights.read import Parts, read_model


class LatentDiffusion(pl.LightningModule):
    """A Stable Diffusion of which exactly what the personalization names is trained.

    Args:
        ckpt_path: folder with the weights.
        personalization_config: node of the method; null changes and trains nothing.
        objective_config: node of the loss, see :class:`ldm.modules.objective.DiffusionObjective`.
        cond_stage_config: parameters of the text side that are not in the weights (the celeb basis).
        caption_dropout: share of captions replaced by the empty one, for classifier-free guidance.
        gradient_checkpointing: recompute activations in the backward pass: less memory, a third more time.
        weight_decay: of AdamW.
        betas: of AdamW.
        use_8bit_adam: AdamW of bitsandbytes with 8-bit states.
        warmup_steps: steps of linear warm-up.
        decay_fraction: share of all steps at the end over which the learning rate falls to zero.
        seed: noise, timesteps and posterior are functions of it, the step and the rank.
    """

    def __init__(
        self,
        ckpt_path: Path,
        personalization_config: Mapping[str, Any] | None = None,
        objective_config: Mapping[str, Any] | None = None,
        cond_stage_config: Mapping[str, Any] | None = None,
        caption_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0,
        gradient_checkpointing: bool = False,
        weight_decay: Annotated[float, Field(ge=0)] = 0.01,
        betas: tuple[float, float] = (0.9, 0.999),
        use_8bit_adam: bool = False,
        warmup_steps: Annotated[int, Field(ge=0)] = 0,
        decay_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0,
        seed: int = 23,
    ) -> None:
        super().__init__()
        self.strict_loading = False  # checkpoints hold what was trained; on_load_checkpoint checks that it is all there
        self.learning_rate = 1e-4
        self.caption_dropout, self.seed = caption_dropout, seed
        self.weight_decay, self.betas, self.use_8bit_adam = weight_decay, betas, use_8bit_adam
        self.warmup_steps, self.decay_fraction = warmup_steps, decay_fraction

        parts = read_model(ckpt_path)
        self.weights_folder, self.defaults, self.noise_scheduler = parts.folder, parts.defaults, parts.scheduler
        self.unet, self.first_stage_model = parts.unet, parts.vae
        self.cond_stage_model = FrozenCLIPEmbedder(parts.tokenizer, parts.text_encoder)
        self.objective: DiffusionObjective = (
            instantiate_from_config(objective_config) if objective_config else DiffusionObjective()
        )
        self.personalization = build_personalization(personalization_config, cond_stage_config, parts)
        self._freeze_all_but_trained()
        if gradient_checkpointing:
            self.unet.enable_gradient_checkpointing()

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

    def on_fit_start(self) -> None:
        """Choose the layout and kernels that suit the device."""
        if self.device.type == "cpu":
            use_plain_attention(self.unet)
            self.cond_stage_model.transformer.set_attn_implementation("eager")
            self.unet.to(memory_format=torch.channels_last)

    def on_train_epoch_start(self) -> None:
        """Lightning puts everything into training mode; frozen networks go back."""
        self._set_modes()

    @property
    def micro_step(self) -> int:
        """Batches seen so far in the run, over epochs and resumes: what randomness depends on."""
        return int(self.trainer.fit_loop.epoch_loop.total_batch_idx)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Noise the latents, predict under the captions, compare."""
        draws = generator(self.seed, "noise", self.micro_step, self.global_rank)
        loss = self.loss(batch, draws)
        self.log("train/loss", loss.detach(), prog_bar=True)
        return loss

    def loss(self, batch: Batch, draws: torch.Generator) -> Tensor:
        """The objective on one batch; all that is random comes from ``draws``."""
        latents = self.encode_first_stage(batch, draws)  # (B, c, h, w)
        noise = self.objective.noise(latents, draws)
        steps = self.noise_scheduler.config.num_train_timesteps
        timesteps = torch.randint(steps, (len(latents),), generator=draws).to(latents.device)  # (B,)
        noisy = self.noise_scheduler.add_noise(latents, noise, timesteps)
        conditioning = self.get_learned_conditioning(self._drop_captions(batch["caption"], draws), batch)
        prediction = self.predict(noisy, timesteps, conditioning)
        target = training_target(self.noise_scheduler, latents, noise, timesteps)
        return self.objective(
            prediction, target, timesteps, self.noise_scheduler, batch.get("loss_weight"), batch.get("is_prior")
        )

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """(B, c, h, w) what the UNet says about noisy latents."""
        prediction: Tensor = self.unet(
            noisy, timesteps, conditioning.context, added_cond_kwargs=conditioning.added
        ).sample
        return prediction

    @torch.no_grad()
    def encode_first_stage(self, batch: Batch, draws: torch.Generator) -> Tensor:
        """(B, c, h, w) scaled latents: those of the batch, or a posterior sample of its pictures."""
        if "latents" in batch:
            return batch["latents"]
        posterior = self.first_stage_model.encode(batch["image"].to(self.first_stage_model.dtype)).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=draws).to(posterior.mean)
        latents: Tensor = (posterior.mean + posterior.std * noise) * self.first_stage_model.config.scaling_factor
        return latents

    @torch.no_grad()
    def decode_first_stage(self, latents: Tensor) -> Tensor:
        """(B, 3, H, W) pictures in [-1, 1] of scaled latents."""
        latents = (latents / self.first_stage_model.config.scaling_factor).to(self.first_stage_model.dtype)
        decoded: Tensor = self.first_stage_model.decode(latents).sample
        return decoded.float().clamp(-1, 1)

    def get_learned_conditioning(self, prompts: Sequence[str], batch: Batch | None = None) -> Conditioning:
        """What the UNet is told about ``prompts``; placeholders become the people of ``batch``."""
        tokens = self.cond_stage_model.tokenize(prompts)
        tokens = self.personalization.expand(tokens)
        edit = self.personalization.embedding_edit(tokens, batch if batch is not None else {})
        conditioning: Conditioning = self.cond_stage_model(tokens, edit)
        return conditioning

    def _drop_captions(self, captions: Sequence[str], draws: torch.Generator) -> list[str]:
        if not self.caption_dropout:
            return list(captions)
        kept = torch.rand(len(captions), generator=draws) >= self.caption_dropout
        return [caption if keep else "" for caption, keep in zip(captions, kept.tolist(), strict=True)]

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """What training changes, by name."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def configure_optimizers(self) -> Any:
        """AdamW over the trained parameters; warm-up, constant, decay to zero at the end where asked."""
        trained = list(self.trained_parameters().values())
        if not trained:
            raise ValueError("nothing would be trained: model.params.personalization_config names no parameter")
        options: dict[str, Any] = {"lr": self.learning_rate, "betas": self.betas, "weight_decay": self.weight_decay}
        optimizer = _adamw_8bit(trained, options) if self.use_8bit_adam else torch.optim.AdamW(trained, **options)
        schedule = trapezoid(self.trainer.max_steps, self.warmup_steps, self.decay_fraction)
        return [optimizer], [{"scheduler": torch.optim.lr_scheduler.LambdaLR(optimizer, schedule), "interval": "step"}]

    def kept_names(self) -> set[str]:
        """State-dict keys that a checkpoint holds: trained parameters and the personalization's own state."""
        own = {name for name in self.state_dict() if name.startswith("personalization.")}
        return own | set(self.trained_parameters())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep trained parameters and the personalization's buffers: kilobytes, not gigabytes."""
        if "state_dict" not in checkpoint:  # DeepSpeed keeps its own
            return
        kept = self.kept_names()
        checkpoint["state_dict"] = {key: value for key, value in checkpoint["state_dict"].items() if key in kept}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint that lacks something trained or holds something else."""
        if "state_dict" not in checkpoint:
            return
        kept, given = self.kept_names(), set(checkpoint["state_dict"])
        for what, names in (("lacks", kept - given), ("holds unknown", given - kept)):
            if names:
                raise KeyError(
                    f"the checkpoint {what} {len(names)} tensors, first {min(names)!r}: "
                    "was it made with another personalization_config?"
                )

    def export(self) -> list[Artifact]:
        """The files a user shares."""
        return self.personalization.export()


def build_personalization(
    config: Mapping[str, Any] | None, cond_stage_config: Mapping[str, Any] | None, parts: Parts
) -> Personalization:
    """The method that ``config`` describes, given what the model knows."""
    if config is None:
        return Personalization()
    injected: dict[str, Any] = {"tokenizer": parts.tokenizer}
    injected["injected"] = dict(injected)  # a Chain hands the same on to its parts
    method: Personalization = instantiate_from_config(config, **injected)
    return method


def _adamw_8bit(parameters: list[nn.Parameter], options: dict[str, Any]) -> torch.optim.Optimizer:
    try:
        import bitsandbytes
    except ImportError as error:
        raise ImportError("use_8bit_adam needs bitsandbytes: pip install 'celebbasis-ldm[8bit]'") from error
    optimizer: torch.optim.Optimizer = bitsandbytes.optim.AdamW8bit(parameters, **options)
    return optimizer
