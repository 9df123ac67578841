"""Pictures of a run: prompts times seeds, each picture a file that says how it was made."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ldm.files import write_json
from ldm.runs.png import file_stem, grid_of, save_png
from ldm.runs.source_picture import SourcePicture

SETTINGS = "settings.json"
OF_A_SAMPLE = ("people", "step", "checkpoint", "au")
"""What one sample of a folder can differ in from the next, beside prompt and seed."""


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn.

    Attributes:
        num_samples: pictures of each prompt.
        seed: of the first picture of a prompt; the next ones have the next seeds.
        num_inference_steps: steps of the sampler.
        guidance_scale: strength of the prompt.
        sampler: ddim, dpm++, euler, pndm or ddpm.
        negative_prompt: what shall not be seen.
        batch_size: pictures drawn at a time.
        height: in pixels; None is the model's own.
        width: in pixels; None is the model's own.
    """

    num_samples: int = 8
    seed: int = 42
    num_inference_steps: int = 50
    guidance_scale: float = 10.0
    sampler: str = "ddim"
    negative_prompt: str = ""
    batch_size: int = 8
    height: int | None = None
    width: int | None = None


def settings_of(model: Any, **wanted: Any) -> DrawSettings:
    """How ``model`` draws: fields as ``wanted``; sampler, its steps and guidance where not given, or None, its own."""
    own = {name: getattr(model.defaults, name) for name in ("num_inference_steps", "guidance_scale", "sampler")}
    return DrawSettings(**own | {name: value for name, value in wanted.items() if value is not None})


def pipeline_of(model: Any, people: Tensor | None = None, sampler: str | None = None, kind: Any = None) -> Any:
    """What draws with ``model``, on the fastest device there is and without a bar of its own.

    Args:
        model: a ``LatentDiffusion``.
        people: (P, E, D) token vectors of the people of prompts.
        sampler: None takes the model's.
        kind: the class; None is ``PersonPipeline``.
    """
    from ldm.models.diffusion.pipelines import PersonPipeline

    pipeline = (kind or PersonPipeline).of(model, people, sampler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(torch.accelerator.current_accelerator(check_available=True) or "cpu")


def draw_prompt(
    pipeline: Any, prompt: str, settings: DrawSettings, source: SourcePicture | None = None
) -> Iterator[tuple[int, Image.Image]]:
    """Seed and picture, one after the other. A picture depends on its own seed, not on what is drawn beside it.

    Args:
        pipeline: a ``PersonPipeline``, or with ``source`` a ``PersonFromPicture``.
        prompt: what to draw.
        settings: how; a picture that begins with another one has its size.
        source: the picture to begin with.
    """
    begin = source.options() if source else {"height": settings.height, "width": settings.width}
    seeds = range(settings.seed, settings.seed + settings.num_samples)
    for start in range(0, len(seeds), settings.batch_size):
        part = seeds[start : start + settings.batch_size]
        drawn = pipeline(
            prompt=[prompt] * len(part),
            negative_prompt=[settings.negative_prompt] * len(part),
            num_inference_steps=settings.num_inference_steps,
            guidance_scale=settings.guidance_scale,
            generator=[torch.Generator().manual_seed(seed) for seed in part],
            **begin,
        )
        pictures = [source.finish(picture) for picture in drawn.images] if source else drawn.images
        yield from zip(part, pictures, strict=True)


def draw_prompts(
    pipeline: Any,
    prompts: Sequence[str],
    settings: DrawSettings,
    out: Path,
    facts: dict[str, Any],
    suffix: str = "",
    progress: Any = None,
    source: SourcePicture | None = None,
) -> list[dict[str, Any]]:
    """Draw every prompt into ``out``: samples/*.png, one grid a prompt, and settings.json listing them all.

    Pictures are added to what the folder holds already; the same picture drawn again takes its own place.

    Args:
        pipeline: see :func:`draw_prompt`.
        prompts: what to draw.
        settings: how.
        out: the folder.
        facts: what is written into every picture beside prompt and seed: model, run, step, people.
        suffix: part of every file name that tells this drawing from others (people and step).
        progress: called with 1 after every picture.
        source: the picture to begin with.

    Returns:
        The samples: file, prompt, seed, people, step.
    """
    facts = {**facts, **(source.facts if source else {})}
    own = own_facts(facts)
    samples: list[dict[str, Any]] = []
    for number, prompt in enumerate(prompts):
        stem = stem_of(number, prompt, suffix)
        pictures = []
        for seed, picture in draw_prompt(pipeline, prompt, settings, source):
            made = {"file": f"samples/{stem}_{seed:05d}.png", "prompt": prompt, "seed": seed, **own}
            save_png(out / made["file"], picture, {**made, **asdict(settings), **facts, "seed": seed})
            samples.append(made)
            pictures.append(picture)
            if progress is not None:
                progress(1)
        save_png(out / f"{stem}.png", grid_of(pictures), {"prompt": prompt, **asdict(settings), **facts})
    write_settings(out, settings, facts, samples)
    return samples


def stem_of(number: int, prompt: str, suffix: str = "") -> str:
    """What the names of files of the prompt that is drawn as ``number`` begin with; its grid's has nothing more."""
    return "_".join(part for part in (f"{number:04d}-{file_stem(prompt)}", suffix) if part)


def own_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """What stands beside each sample."""
    return {key: facts[key] for key in OF_A_SAMPLE if key in facts}


def write_settings(out: Path, settings: DrawSettings, facts: dict[str, Any], samples: list[dict[str, Any]]) -> None:
    """settings.json: what ``samples`` share, and all samples of the folder; earlier ones with what they differ in."""
    shared = {"settings": asdict(settings)} | {key: value for key, value in facts.items() if key not in OF_A_SAMPLE}
    path = out / SETTINGS
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    earlier = old.pop("samples", [])
    differs = {key: old.get(key) for key in (*old, *(shared.keys() - old.keys())) if shared.get(key) != old.get(key)}
    new = {sample["file"] for sample in samples}
    kept = [sample for sample in earlier if sample["file"] not in new and (out / sample["file"]).is_file()]
    write_json(path, {**shared, "samples": [{**differs, **sample} for sample in kept] + samples})


def read_prompts(path: Path) -> list[str]:
    """The prompts of a file, one a line; blank lines and lines that begin with '#' are left out.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no UTF-8 text, or holds no prompt.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file of prompts at {path}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from error
    lines = (line.strip() for line in text.splitlines())
    prompts = [line for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise ValueError(f"{path} holds no prompt: write one a line")
    return prompts
