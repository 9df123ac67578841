"""One grid of many drawings: a labelled row for each checkpoint, or whatever else was compared."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ldm.runs.png import grid_of, save_gif, save_png

LARGEST_PX = 256
"""Pictures are shown no larger than this."""
GAP_PX = 2


def sheet(rows: Mapping[str, Sequence[Image.Image]]) -> Image.Image:
    """One picture: a row of pictures for each entry, its name at the left."""
    sides = [side for pictures in rows.values() for picture in pictures for side in picture.size]
    scale = min(1.0, LARGEST_PX / max(sides))
    font = ImageFont.load_default(12)
    label = max(int(font.getlength(name)) for name in rows) + 3 * GAP_PX
    strips = {name: [_smaller(picture, scale) for picture in pictures] for name, pictures in rows.items()}
    width = label + max(sum(one.width + GAP_PX for one in strip) for strip in strips.values())
    heights = [max(one.height for one in strip) + GAP_PX for strip in strips.values()]
    whole = Image.new("RGB", (width, sum(heights)), "white")
    pen, top = ImageDraw.Draw(whole), 0
    for (name, strip), height in zip(strips.items(), heights, strict=True):
        pen.text((GAP_PX, top + height // 2), name, fill="black", font=font, anchor="lm")
        left = label
        for one in strip:
            whole.paste(one, (left, top))
            left += one.width + GAP_PX
        top += height
    return whole


def _smaller(picture: Image.Image, scale: float) -> Image.Image:
    if scale == 1.0:
        return picture
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)


def write_sheet(
    path: Path, folder: Path, samples: Sequence[Mapping[str, Any]], by: str, facts: Mapping[str, Any]
) -> None:
    """Write the samples of ``folder`` as one grid, with a row for each value that they have in ``by``."""
    rows: dict[str, list[Image.Image]] = {}
    for sample in samples:
        rows.setdefault(str(sample[by]), []).append(_opened(folder / sample["file"]))
    save_png(path, sheet(rows), {**facts, by: list(rows)})


def write_sweep(folder: Path, samples: Sequence[Mapping[str, Any]]) -> None:
    """Write ``sweep.gif``: a frame for each thing that faces were asked to do (``au``), there and back."""
    frames: dict[str, list[Image.Image]] = {}
    for sample in samples:
        frames.setdefault(sample["au"], []).append(_opened(folder / sample["file"]))
    grids = [grid_of(pictures) for pictures in frames.values()]
    save_gif(folder / "sweep.gif", [*grids, *grids[-2:0:-1]], {"prompt": samples[0]["prompt"], "au": list(frames)})


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")
