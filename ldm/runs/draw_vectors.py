"""Pictures by prompts and seeds, of people given as token vectors or not: for looks at a run and at its basis."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ldm.runs.draw import DrawSettings


@torch.no_grad()
def draw_vectors(
    pipeline: Any, prompts: Sequence[str], vectors: Tensor | None, seeds: Sequence[int], settings: DrawSettings
) -> list[Image.Image]:
    """N pictures: ``prompts[i]`` from noise of ``seeds[i]``, its first placeholder being ``vectors[i]``.

    A picture depends on its own seed, not on what is drawn beside it.

    Args:
        pipeline: a ``PersonPipeline``; with ``vectors``, its own people are not looked at.
        prompts: N, each with the first placeholder.
        vectors: (N, E, D) token vectors of one person a picture; None draws prompts as the pipeline reads them.
        seeds: N.
        settings: sampler's steps, guidance, negative prompt and batch size; its seed and number of pictures are not
            looked at.
    """
    drawn: list[Image.Image] = []
    for start in range(0, len(prompts), settings.batch_size):
        part = slice(start, start + settings.batch_size)
        people = None if vectors is None else vectors[part, None]  # (n, 1, E, D)
        drawn += pipeline(
            prompt_embeds=pipeline.context(prompts[part], people),
            negative_prompt=[settings.negative_prompt] * len(prompts[part]),
            num_inference_steps=settings.num_inference_steps,
            guidance_scale=settings.guidance_scale,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds[part]],
        ).images
    return drawn
