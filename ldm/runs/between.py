"""What lies between two seeds, two prompts or two choices of people."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ldm.models.first_stage import downscale
from ldm.runs.draw import DrawSettings, own_facts
from ldm.runs.png import file_stem, grid_of, save_gif, save_png


@dataclass(frozen=True)
class End:
    """What a strip begins or ends with.

    Attributes:
        name: what the files call it.
        prompt: what is drawn.
        seed: of the noise.
        people: (P, E, D) token vectors; None where nobody is told of.
    """

    name: str
    prompt: str
    seed: int
    people: Tensor | None = None


@torch.no_grad()
def between(
    pipeline: Any, first: End, last: End, num_frames: int, settings: DrawSettings
) -> Iterator[tuple[float, Image.Image]]:
    """Share of the way and picture, ``num_frames`` times, both ends among them.

    Noise moves on the arc between the two (both have the norm of noise, so has what lies between), the token vectors of
    people on the line between them, and so does the context of two prompts.
    """
    shares = torch.linspace(0, 1, num_frames)
    model = pipeline.model
    shape = (model.unet.config.in_channels, *_latent_size(model, settings))
    begin, end = (torch.randn(shape, generator=torch.Generator().manual_seed(one.seed)) for one in (first, last))
    for start in range(0, num_frames, settings.batch_size):
        part = shares[start : start + settings.batch_size]
        drawn = pipeline(
            prompt_embeds=_contexts(pipeline, first, last, part),
            negative_prompt=[settings.negative_prompt] * len(part),
            latents=torch.stack([slerp(begin, end, float(share)) for share in part]).to(pipeline.device),
            num_inference_steps=settings.num_inference_steps,
            guidance_scale=settings.guidance_scale,
            height=settings.height,
            width=settings.width,
            generator=[torch.Generator().manual_seed(first.seed) for _ in part],
        )
        yield from zip(part.tolist(), drawn.images, strict=True)


def _latent_size(model: Any, settings: DrawSettings) -> tuple[int, int]:
    pixels, native = downscale(model.first_stage_model), int(model.unet.config.sample_size)
    sides = (settings.height, settings.width)
    height, width = (native if side is None else side // pixels for side in sides)
    return height, width


def _contexts(pipeline: Any, first: End, last: End, shares: Tensor) -> Tensor:
    """(n, L, D) one for each of ``shares`` (n,)."""
    if first.people is not None and last.people is not None:
        along = shares.view(-1, 1, 1, 1)
        return torch.as_tensor(
            pipeline.context([first.prompt] * len(shares), torch.lerp(first.people, last.people, along))
        )
    begin, end = pipeline.context([first.prompt, last.prompt])
    return torch.lerp(begin, end, shares.view(-1, 1, 1).to(begin))


def slerp(first: Tensor, last: Tensor, share: float) -> Tensor:
    """The point ``share`` of the way on the arc from ``first`` to ``last``; on the line where they point alike."""
    cosine = torch.nn.functional.cosine_similarity(first.flatten(), last.flatten(), dim=0).clamp(-1, 1)
    angle = torch.acos(cosine)
    if float(angle.sin().abs()) < 1e-4:
        return torch.lerp(first, last, share)
    return (torch.sin((1 - share) * angle) * first + torch.sin(share * angle) * last) / torch.sin(angle)


def draw_between(
    pipeline: Any,
    ends: Sequence[End],
    num_frames: int,
    settings: DrawSettings,
    out: Path,
    facts: dict[str, Any],
    suffix: str = "",
    progress: Callable[[int], Any] | None = None,
) -> list[dict[str, Any]]:
    """Draw from each end to the next into ``out``: every frame a PNG, one strip, one GIF that runs there and back.

    Args:
        pipeline: a ``PersonPipeline``.
        ends: two or more.
        num_frames: from one end to the next, both counted.
        settings: how; its seed and number of pictures are not looked at.
        out: the folder.
        facts: what is written into every picture beside prompt and seed.
        suffix: part of every file name that tells this drawing from others.
        progress: called with 1 after every picture.

    Returns:
        The samples: file, prompt, seed, share of the way, between which ends.
    """
    stem = "_".join(part for part in (file_stem(" to ".join(end.name for end in ends)), suffix) if part)
    samples: list[dict[str, Any]] = []
    pictures: list[Image.Image] = []
    for first, last in pairwise(ends):
        for share, picture in between(pipeline, first, last, num_frames, settings):
            if progress:
                progress(1)
            if pictures and not share:  # the end of the way before
                continue
            made: dict[str, Any] = {
                "file": f"samples/{stem}_{len(pictures):03d}.png",
                "prompt": first.prompt,
                "seed": first.seed,
            }
            made |= {"between": [first.name, last.name], "share": round(share, 4), **own_facts(facts)}
            if last.prompt != first.prompt:
                made["to_prompt"] = last.prompt
            save_png(out / str(made["file"]), picture, {**asdict(settings), **facts, **made})
            samples.append(made)
            pictures.append(picture)
    told = {**asdict(settings), **facts, "prompt": ends[0].prompt, "between": [end.name for end in ends]}
    save_png(out / f"{stem}.png", grid_of(pictures), told)
    save_gif(out / f"{stem}.gif", [*pictures, *pictures[-2:0:-1]], told)
    return samples
