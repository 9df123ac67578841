"""A picture as a file that says how it was made, under a name that says what it shows."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ldm.files import atomic_path

FRAME_MS = 90
"""How long a frame of a GIF is shown."""
NOTHING = "unconditional"
"""What the file of an empty prompt is called."""

_SAMPLERS = {"ddim": "DDIM", "dpm++": "DPM++ 2M", "euler": "Euler", "pndm": "PLMS", "ddpm": "DDPM"}


def file_stem(prompt: str, limit: int = 60) -> str:
    """A prompt as a part of a file name: letters, digits and dashes of any alphabet, at most ``limit`` bytes.

    Where something was left out, digits that stand for the whole prompt follow: two prompts never share a name.
    """
    whole = " ".join(unicodedata.normalize("NFC", prompt).split())
    if not whole:
        return NOTHING
    words = re.sub(r"[^\w]+", "-", whole).strip("-_")
    lossless = words.replace("-", " ") == whole and len(words.encode()) <= limit and words != NOTHING
    digits = "" if lossless else hashlib.sha1(whole.encode()).hexdigest()[:6]
    kept = words.encode()[: limit - len(digits) - 1 if digits else limit].decode(errors="ignore").strip("-")
    return "-".join(part for part in (kept, digits) if part)


def save_png(path: Path, picture: Image.Image, facts: Mapping[str, Any]) -> None:
    """Write a PNG that says how it was made.

    Its text chunks are ``ldm`` (``facts`` as JSON), ``prompt``, and ``parameters`` in the form of AUTOMATIC1111, which
    other programs read.
    """
    info = PngInfo()
    info.add_itxt("prompt", str(facts.get("prompt", "")))
    info.add_itxt("parameters", parameters(facts, picture.size))
    info.add_itxt("ldm", json.dumps(dict(facts), ensure_ascii=False))
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", pnginfo=info)


def parameters(facts: Mapping[str, Any], size: tuple[int, int]) -> str:
    """How a picture was made, as AUTOMATIC1111 writes it: prompt, negative prompt, one line of settings."""
    sampler = facts.get("sampler")
    settings = {
        "Steps": facts.get("num_inference_steps"),
        "Sampler": _SAMPLERS.get(str(sampler), sampler),
        "CFG scale": facts.get("guidance_scale"),
        "Seed": facts.get("seed"),
        "Size": f"{size[0]}x{size[1]}",
        "Model": Path(str(facts["model"])).name if facts.get("model") else None,
        "Denoising strength": facts.get("strength"),
    }
    negative = facts.get("negative_prompt")
    lines = [" ".join(str(facts.get("prompt", "")).split()), *([f"Negative prompt: {negative}"] if negative else [])]
    return "\n".join([*lines, ", ".join(f"{name}: {value}" for name, value in settings.items() if value is not None)])


def grid_of(pictures: Sequence[Image.Image], columns: int | None = None, gap: int = 2) -> Image.Image:
    """One picture of many, in rows of ``columns`` (all in one row if None)."""
    columns = columns or len(pictures)
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), "white")
    for place, picture in enumerate(pictures):
        sheet.paste(picture, ((place % columns) * (width + gap), (place // columns) * (height + gap)))
    return sheet


def pictures_in(row: Path, count: int) -> list[Image.Image]:
    """The ``count`` pictures in a file that :func:`grid_of` put side by side, without a gap."""
    with Image.open(row) as opened:
        whole = opened.convert("RGB")
    width = whole.width // count
    return [whole.crop((i * width, 0, (i + 1) * width, whole.height)) for i in range(count)]


def save_gif(path: Path, pictures: Sequence[Image.Image], facts: dict[str, Any]) -> None:
    """Write an endless GIF whose comment says how it was made."""
    comment = f"{parameters(facts, pictures[0].size)}\n{json.dumps(facts, ensure_ascii=False)}"
    first, *others = pictures
    with atomic_path(path) as temporary:
        first.save(
            temporary, format="GIF", save_all=True, append_images=others, duration=FRAME_MS, loop=0,
            comment=comment.encode(),
        )  # fmt: skip
