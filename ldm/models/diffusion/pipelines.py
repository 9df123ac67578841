"""How a picture is drawn: a diffusers pipeline in which the run's placeholders are people."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

Sampler = Literal["ddim", "dpm++", "euler", "pndm", "ddpm"]

_SCHEDULERS = {
    "ddim": "DDIMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "pndm": "PNDMScheduler",
    "ddpm": "DDPMScheduler",
}


def make_scheduler(sampler: str, noise_scheduler: Any) -> Any:
    """The diffusers scheduler called ``sampler``, on the noise schedule that the model was trained with.

    Raises:
        ValueError: there is no such sampler; the ones there are, are listed.
    """
    import diffusers

    if sampler not in _SCHEDULERS:
        raise ValueError(f"sampler {sampler!r}: there are {', '.join(get_args(Sampler))}")
    extra = {"set_alpha_to_one": False, "clip_sample": False} if sampler in ("ddim", "pndm") else {}
    config = {k: v for k, v in noise_scheduler.config.items() if k not in extra or sampler != "ddim"}
    return getattr(diffusers, _SCHEDULERS[sampler]).from_config(config, **extra)


class PersonPipeline(StableDiffusionPipeline):
    """A ``StableDiffusionPipeline`` whose prompts go through a run's personalization.

    Attributes:
        model: the ``LatentDiffusion`` whose parts this pipeline uses.
        people: (P, E, D) token vectors, or None: person p stands where placeholder p does.
    """

    model: Any
    people: Tensor | None

    @classmethod
    def of(cls, model: Any, people: Tensor | None = None, sampler: str | None = None) -> "PersonPipeline":
        """The pipeline of a ``LatentDiffusion``: its own networks, not copies."""
        cond_stage = model.cond_stage_model
        pipeline = cls(
            vae=model.first_stage_model,
            text_encoder=cond_stage.transformer,
            tokenizer=cond_stage.tokenizer,
            unet=model.unet,
            scheduler=make_scheduler(sampler or model.defaults.sampler, model.noise_scheduler),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        model.eval()
        pipeline.model, pipeline.people = model, people
        return pipeline

    def encode_prompt(
        self,
        prompt: str | Sequence[str] | None,
        device: torch.device,
        num_images_per_prompt: int,
        do_classifier_free_guidance: bool,
        negative_prompt: str | Sequence[str] | None = None,
        prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        **_: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Context of the prompts and of the negative ones, (B * num_images_per_prompt, L, D) each."""
        if prompt_embeds is None:
            prompts = [prompt] if isinstance(prompt, str) else list(prompt or [])
            prompt_embeds = self._context(prompts)
        prompt_embeds = prompt_embeds.repeat_interleave(num_images_per_prompt, 0)
        if not do_classifier_free_guidance:
            return prompt_embeds, None
        if negative_prompt_embeds is None:
            count = len(prompt_embeds) // num_images_per_prompt
            given = negative_prompt or ""
            negatives = [given] * count if isinstance(given, str) else list(given)
            if len(negatives) != count:
                raise ValueError(f"{len(negatives)} negative prompts for {count} prompts: give one, or one for each")
            negative_prompt_embeds = self._context(negatives)
        return prompt_embeds, negative_prompt_embeds.repeat_interleave(num_images_per_prompt, 0)

    @torch.no_grad()
    def _context(self, prompts: list[str]) -> Tensor:
        batch = {} if self.people is None else {"vectors": self.people.expand(len(prompts), -1, -1, -1)}
        context: Tensor = self.model.get_learned_conditioning(prompts, batch).context
        return context
