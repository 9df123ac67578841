"""Pictures of a run: prompts times seeds, each picture a file that says how it was made."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ldm.files import atomic_path, write_json

SETTINGS = "settings.json"
OF_A_SAMPLE = ("people", "step")
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
    """

    num_samples: int = 8
    seed: int = 42
    num_inference_steps: int = 50
    guidance_scale: float = 10.0
    sampler: str = "ddim"
    negative_prompt: str = ""
    batch_size: int = 8


def draw_prompt(pipeline: Any, prompt: str, settings: DrawSettings) -> Iterator[tuple[int, Image.Image]]:
    """Seed and picture, one after the other. A picture depends on its own seed, not on what is drawn beside it."""
    seeds = range(settings.seed, settings.seed + settings.num_samples)
    for start in range(0, len(seeds), settings.batch_size):
        part = seeds[start : start + settings.batch_size]
        drawn = pipeline(
            prompt=[prompt] * len(part),
            negative_prompt=[settings.negative_prompt] * len(part),
            num_inference_steps=settings.num_inference_steps,
            guidance_scale=settings.guidance_scale,
            generator=[torch.Generator().manual_seed(seed) for seed in part],
        )
        yield from zip(part, drawn.images, strict=True)


def file_stem(prompt: str, limit: int = 60) -> str:
    """A prompt as a part of a file name: letters, digits and dashes of any alphabet, at most ``limit`` bytes.

    Where something was left out, digits that stand for the whole prompt follow: two prompts never share a name.
    """
    whole = " ".join(unicodedata.normalize("NFC", prompt).split())
    words = re.sub(r"[^\w]+", "-", whole).strip("-_")
    lossless = words.replace("-", " ") == whole and len(words.encode()) <= limit
    digits = "" if lossless else hashlib.sha1(whole.encode()).hexdigest()[:6]
    kept = words.encode()[: limit - len(digits) - 1 if digits else limit].decode(errors="ignore").strip("-")
    return "-".join(part for part in (kept, digits) if part)


def save_png(path: Path, picture: Image.Image, facts: dict[str, Any]) -> None:
    """Write a PNG with ``facts`` as JSON in its text chunk ``ldm``, and the prompt in ``prompt``."""
    info = PngInfo()
    info.add_itxt("prompt", str(facts.get("prompt", "")))
    info.add_itxt("ldm", json.dumps(facts, ensure_ascii=False))
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", pnginfo=info)


def grid_of(pictures: Sequence[Image.Image], columns: int | None = None, gap: int = 2) -> Image.Image:
    """One picture of many, in rows of ``columns`` (all in one row if None)."""
    columns = columns or len(pictures)
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), "white")
    for place, picture in enumerate(pictures):
        sheet.paste(picture, ((place % columns) * (width + gap), (place // columns) * (height + gap)))
    return sheet


def draw_prompts(
    pipeline: Any,
    prompts: Sequence[str],
    settings: DrawSettings,
    out: Path,
    facts: dict[str, Any],
    suffix: str = "",
    progress: Any = None,
) -> list[dict[str, Any]]:
    """Draw every prompt into ``out``: samples/*.png, one grid a prompt, and settings.json listing them all.

    Pictures are added to what the folder holds already; the same picture drawn again takes its own place.

    Args:
        pipeline: a ``PersonPipeline``.
        prompts: what to draw.
        settings: how.
        out: the folder.
        facts: what is written into every picture beside prompt and seed: model, run, step, people.
        suffix: part of every file name that tells this drawing from others (people and step).
        progress: called with 1 after every picture.

    Returns:
        The samples: file, prompt, seed, people, step.
    """
    own = {key: facts[key] for key in OF_A_SAMPLE if key in facts}
    samples: list[dict[str, Any]] = []
    for number, prompt in enumerate(prompts):
        stem = "_".join(part for part in (f"{number:04d}-{file_stem(prompt)}", suffix) if part)
        pictures = []
        for seed, picture in draw_prompt(pipeline, prompt, settings):
            made = {"file": f"samples/{stem}_{seed:05d}.png", "prompt": prompt, "seed": seed, **own}
            save_png(out / made["file"], picture, {**made, **asdict(settings), **facts, "seed": seed})
            samples.append(made)
            pictures.append(picture)
            if progress is not None:
                progress(1)
        save_png(out / f"{stem}.png", grid_of(pictures), {"prompt": prompt, **asdict(settings), **facts})
    shared = {key: value for key, value in facts.items() if key not in own}
    _write_settings(out, {"settings": asdict(settings), **shared}, samples)
    return samples


def _write_settings(out: Path, shared: dict[str, Any], samples: list[dict[str, Any]]) -> None:
    """settings.json: what ``samples`` share, and all samples of the folder; earlier ones with what they differ in."""
    path = out / SETTINGS
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    earlier = old.pop("samples", [])
    differs = {key: value for key, value in old.items() if shared.get(key) != value}
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
