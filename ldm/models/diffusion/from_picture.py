"""How a picture is drawn from another one: all of it changed (img2img), or a part of it drawn anew (inpainting)."""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import StableDiffusionImg2ImgPipeline
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from ldm.models.diffusion.pipelines import PersonPrompts
from ldm.models.first_stage import encode


class PersonFromPicture(PersonPrompts, StableDiffusionImg2ImgPipeline):
    """A ``StableDiffusionImg2ImgPipeline`` whose prompts go through a run's personalization.

    Attributes:
        clean: (B, c, h, w) latents of the picture that the last call began with.
        noise: (B, c, h, w) what was laid over them.
    """

    clean: Tensor
    noise: Tensor

    def __call__(
        self,
        prompt: str | Sequence[str] | None = None,
        image: Any = None,
        strength: float = 0.75,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        **options: Any,
    ) -> Any:
        """Pictures of the prompts that begin with ``image``.

        Args:
            prompt: one or several.
            image: a picture, the same for all prompts.
            strength: how much of it is given up: share of the sampler's steps that are taken, in (0, 1].
            num_inference_steps: of the sampler; what the model's folder says.
            guidance_scale: strength of the prompt; what the model's folder says.
            options: see ``StableDiffusionImg2ImgPipeline``.

        Raises:
            ValueError: ``strength`` lies outside (0, 1], or leaves no step of the sampler.
        """
        defaults = self.model.defaults
        steps = defaults.num_inference_steps if num_inference_steps is None else num_inference_steps
        require_strength(strength, steps)
        return super().__call__(
            prompt=prompt if prompt is None or isinstance(prompt, str) else list(prompt),
            image=image,
            strength=strength,
            num_inference_steps=steps,
            guidance_scale=defaults.guidance_scale if guidance_scale is None else guidance_scale,
            **options,
        )

    def prepare_latents(
        self,
        image: Tensor,
        timestep: Tensor,
        batch_size: int,
        num_images_per_prompt: int,
        dtype: torch.dtype,
        device: torch.device,
        generator: Any = None,
    ) -> Tensor:
        """(B, c, h, w) latents of ``image``, encoded once, under noise of each picture's own generator."""
        clean = encode(self.vae, image).to(device, dtype)
        self.clean = clean.expand(batch_size * num_images_per_prompt, -1, -1, -1)
        self.noise = randn_tensor(self.clean.shape, generator=generator, device=device, dtype=dtype)
        noisy: Tensor = self.scheduler.add_noise(self.clean, self.noise, timestep)
        return noisy


def require_strength(strength: float, num_inference_steps: int) -> None:
    """Nothing, if a picture can be changed by ``strength``.

    Raises:
        ValueError: it lies outside (0, 1], or leaves no step of the sampler.
    """
    if not 0 < strength <= 1:
        raise ValueError(f"strength {strength:g} lies outside (0, 1]: 1 gives the picture up, near 0 keeps it")
    if not int(num_inference_steps * strength):
        raise ValueError(
            f"strength {strength:g} of {num_inference_steps} steps leaves none to take: give at least "
            f"{1 / num_inference_steps:.2g}, or more steps"
        )


class KeepOutside:
    """``callback_on_step_end`` that keeps a picture outside a mask: after every step its latents are the picture's own.

    They are as noisy as the sampler expects them at its next step; after the last one they are clean.

    Args:
        mask: (1, 1, h, w) bool, True where something new is drawn.
    """

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def __call__(self, pipeline: Any, step: int, timestep: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The latents after ``step``, outside the mask the picture's."""
        scheduler, latents = pipeline.scheduler, tensors["latents"]
        at = len(scheduler.timesteps) - pipeline.num_timesteps + step + 1
        kept = pipeline.clean
        if at < len(scheduler.timesteps):
            kept = scheduler.add_noise(kept, pipeline.noise, scheduler.timesteps[at].repeat(len(kept)))
        return {"latents": torch.where(self.mask.to(latents.device), latents, kept)}
