"""How a picture is drawn: a diffusers pipeline in which the run's placeholders are people."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, cast, get_args

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from ldm.modules.placeholders import Placeholders

Sampler = Literal["ddim", "dpm++", "euler", "pndm", "ddpm"]

_SCHEDULERS = {
    "ddim": "DDIMScheduler",
    "dpm++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "pndm": "PNDMScheduler",
    "ddpm": "DDPMScheduler",
}
# Latents are not clipped; the last step goes to the schedule's own first noise level; a scheduler takes what it knows.
_AS_STABLE_DIFFUSION = {"set_alpha_to_one": False, "clip_sample": False, "skip_prk_steps": True}


def make_scheduler(sampler: str, noise_scheduler: Any) -> Any:
    """The diffusers scheduler called ``sampler``, on the noise schedule that the model was trained with.

    Raises:
        ValueError: there is no such sampler; the ones there are, are listed.
    """
    import diffusers

    if sampler not in _SCHEDULERS:
        raise ValueError(f"sampler {sampler!r}: there are {', '.join(get_args(Sampler))}")
    kind = getattr(diffusers, _SCHEDULERS[sampler])
    return kind.from_config(noise_scheduler.config, **_AS_STABLE_DIFFUSION)


def placeholders_of(model: Any) -> Placeholders | None:
    """The words that stand for people in the prompts of a ``LatentDiffusion``; None where its method has none."""
    found = (getattr(part, "placeholders", None) for part in model.personalization.modules())
    return next((one for one in found if one is not None), None)


class PersonPrompts:
    """What a diffusers pipeline needs so that its prompts go through a run's personalization.

    Attributes:
        model: the ``LatentDiffusion`` whose parts the pipeline uses.
        people: (P, E, D) token vectors, or None: person p stands where placeholder p does.
        placeholders: the words that stand for people; None where the run has none.
        told: what else every prompt's batch holds, without its first axis (``action_units``).
        untold: (B, L, D) context of the last prompts without what is ``told``; None where nothing is.
        mover: a prompt whose difference, told and not, moves the face (see ``au_guided``); None: the prompts' own.
        moved: contexts of ``mover`` with what is told and without, (B, L, D) each; None where there is none.
    """

    model: Any
    people: Tensor | None
    placeholders: Placeholders | None
    told: Mapping[str, Tensor]
    untold: Tensor | None
    mover: str | None
    moved: tuple[Tensor, Tensor] | None

    @classmethod
    def of(cls, model: Any, people: Tensor | None = None, sampler: str | None = None) -> Self:
        """The pipeline of a ``LatentDiffusion``: its own networks, not copies."""
        cond_stage, kind = model.cond_stage_model, cast(Any, cls)
        pipeline: Self = kind(
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
        pipeline.model, pipeline.people, pipeline.told, pipeline.untold = model, people, {}, None
        pipeline.mover = pipeline.moved = None
        pipeline.placeholders = placeholders_of(model)
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
            prompt_embeds = self.context(prompts)
            self.tell(prompts, [self.told])
        prompt_embeds = prompt_embeds.repeat_interleave(num_images_per_prompt, 0)
        if not do_classifier_free_guidance:
            return prompt_embeds, None
        if negative_prompt_embeds is None:
            count = len(prompt_embeds) // num_images_per_prompt
            given = negative_prompt or ""
            negatives = [given] * count if isinstance(given, str) else list(given)
            if len(negatives) != count:
                raise ValueError(f"{len(negatives)} negative prompts for {count} prompts: give one, or one for each")
            negative_prompt_embeds = self.context(negatives, told={})
        return prompt_embeds, negative_prompt_embeds.repeat_interleave(num_images_per_prompt, 0)

    def tell(self, prompts: Sequence[str], told: Sequence[Mapping[str, Tensor]]) -> None:
        """Make ``untold`` and ``moved`` for prompts that are told something, each its own or all the same."""
        self.untold = self.moved = None
        if any(told):
            self.untold = self.context(prompts, told={})
        if any(told) and self.mover is not None:
            moving = torch.cat([self.context([self.mover], told=one) for one in told])
            still = self.context([self.mover], told={})
            self.moved = moving.expand(len(prompts), -1, -1), still.expand(len(prompts), -1, -1)

    @torch.no_grad()
    def context(
        self, prompts: Sequence[str], people: Tensor | None = None, told: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """(N, L, D) of N prompts about the pipeline's people, or each about its own ``people`` (N, P, E, D).

        A prompt that stands there several times is read once. ``told`` takes the place of what the pipeline is told.
        """
        words = self._plain(prompts)
        if people is not None:
            context: Tensor = self.model.get_learned_conditioning(words, {"vectors": people}).context
            return context
        different = list(dict.fromkeys(words))
        told = self.told if told is None else told
        batch = {name: value.expand(len(different), *value.shape) for name, value in told.items()}
        if self.people is not None:
            batch["vectors"] = self.people.expand(len(different), -1, -1, -1)
        context = self.model.get_learned_conditioning(different, batch).context
        return context[[different.index(one) for one in words]]

    def _plain(self, prompts: Sequence[str]) -> list[str]:
        """Prompts in which a placeholder may stand in brackets, ``<sks>``, as other programs want it.

        A word learned by textual inversion is followed by the names of its further vectors.
        """
        words = list(prompts) if self.placeholders is None else [self.placeholders.plain(one) for one in prompts]
        pipeline: Any = self
        return [str(pipeline.maybe_convert_prompt(one, pipeline.tokenizer)) for one in words]

    def check(self, prompts: Sequence[str], everybody: bool = False) -> None:
        """Nothing, if all ``prompts`` can be drawn; seen before the first of them takes its minutes.

        Args:
            prompts: all that will be drawn.
            everybody: warn of a person whom no prompt mentions.

        Raises:
            PromptTooLongError: one does not fit, with room for the people it mentions.
            PlaceholderError: no prompt mentions a person, or one mentions more people than were given.
        """
        words = self._plain(prompts)
        self.model.personalization.expand(self.model.cond_stage_model.tokenize(words))
        if self.people is not None and self.placeholders is not None:
            self.placeholders.require_mentions(words, len(self.people), everybody)


class PersonPipeline(PersonPrompts, StableDiffusionPipeline):
    """A ``StableDiffusionPipeline`` whose prompts go through a run's personalization: from noise to a picture."""

    def __call__(
        self,
        prompt: str | Sequence[str] | None = None,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        timesteps: Sequence[int] | None = None,
        sigmas: Sequence[float] | None = None,
        guidance_scale: float | None = None,
        **options: Any,
    ) -> Any:
        """Pictures of the prompts, as diffusers draws them.

        Args:
            prompt: one or several.
            height: in pixels; the model's own where it is not given.
            width: in pixels; the model's own.
            num_inference_steps: of the sampler; what the model's folder says.
            timesteps: the sampler's own, where it takes them.
            sigmas: the sampler's own, where it takes them.
            guidance_scale: strength of the prompt; what the model's folder says.
            options: see ``StableDiffusionPipeline``.
        """
        defaults = self.model.defaults
        return super().__call__(
            prompt if prompt is None or isinstance(prompt, str) else list(prompt),
            height,
            width,
            defaults.num_inference_steps if num_inference_steps is None else num_inference_steps,
            timesteps,
            sigmas,
            defaults.guidance_scale if guidance_scale is None else guidance_scale,
            **options,
        )
