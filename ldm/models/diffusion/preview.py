"""What a look at the training shows."""

from typing import Any

import torch
from torch import Tensor

from ldm.batch import Batch, Conditioning
from ldm.models.diffusion.pipelines import make_scheduler
from ldm.randomness import generator


@torch.no_grad()
def preview(model: Any, batch: Batch, num_images: int, seed: int, num_steps: int = 20) -> dict[str, Tensor]:
    """``inputs``, ``reconstruction``, ``samples`` and ``samples_scaled`` (guided), each (N, 3, H, W) in [-1, 1].

    Every picture has its own noise, a function of ``seed`` and its place: looks can be compared.
    """
    few: Batch = {key: value[:num_images] for key, value in batch.items()}  # type: ignore[assignment,index]
    latents = model.encode_first_stage(few, generator(seed, "preview", "posterior"))
    reconstruction = model.decode_first_stage(latents)
    inputs = few.get("image", reconstruction)
    noise = torch.stack(
        [torch.randn(latents.shape[1:], generator=generator(seed, "preview", i)) for i in range(len(latents))]
    )
    context = model.get_learned_conditioning(few["caption"], few)
    empty = model.get_learned_conditioning([""])
    shown = {"inputs": inputs.float().clamp(-1, 1), "reconstruction": reconstruction}
    for name, scale in (("samples", 1.0), ("samples_scaled", model.defaults.guidance_scale)):
        drawn = draw(model, noise.to(latents), context, empty, scale, num_steps, few)
        shown[name] = model.decode_first_stage(drawn)
    return shown


def draw(
    model: Any,
    noise: Tensor,
    context: Conditioning,
    empty: Conditioning,
    guidance_scale: float,
    num_steps: int,
    batch: Batch | None = None,
) -> Tensor:
    """(N, c, h, w) latents drawn by DDIM from ``noise`` under classifier-free guidance away from ``empty``.

    Guided and unguided predictions are made together, as one batch. What the method adds to the UNet's layers comes
    from ``batch``.
    """
    scheduler = make_scheduler("ddim", model.noise_scheduler)
    scheduler.set_timesteps(num_steps, device=noise.device)
    latents = noise * scheduler.init_noise_sigma
    guided = guidance_scale != 1.0
    told = _beside(empty, context) if guided else context
    for timestep in scheduler.timesteps:
        doubled = torch.cat([latents] * 2) if guided else latents
        prediction = model.predict(doubled, timestep.expand(len(doubled)), told, batch)
        if guided:
            unguided, towards = prediction.chunk(2)
            prediction = unguided + guidance_scale * (towards - unguided)
        latents = scheduler.step(prediction, timestep, latents).prev_sample
    drawn: Tensor = latents
    return drawn


def _beside(empty: Conditioning, context: Conditioning) -> Conditioning:
    """One batch of twice the size: first without the prompts, then with them; what else is told is told to both."""

    def both(unguided: Tensor | None, guided: Tensor | None) -> Tensor | None:
        return None if unguided is None or guided is None else torch.cat([unguided.expand_as(guided), guided])

    added = None if context.added is None else {name: torch.cat([one, one]) for name, one in context.added.items()}
    pooled = both(empty.pooled, context.pooled)
    return Conditioning(torch.cat([empty.context.expand_as(context.context), context.context]), pooled, added)
