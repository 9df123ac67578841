"""Names drawn by a model, each a row of pictures with the same seeds; what is drawn and described is not done again."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from evaluation.identity import Judge, Vector
from ldm.files import write_json, write_text
from ldm.randomness import generator
from ldm.runs.claim import claim
from ldm.runs.draw import DrawSettings, pipeline_of
from ldm.runs.draw_vectors import draw_vectors
from ldm.runs.load import untrained
from ldm.runs.pictures import grid
from ldm.runs.png import file_stem, grid_of, pictures_in, save_png
from ldm.weights.fingerprint import fingerprint


@dataclass(frozen=True)
class Asked:
    """What is drawn.

    Attributes:
        names: of whom.
        sd: the weights.
        prompt: with {} where the name stands.
        settings: ``num_samples`` pictures a name; the sampler's steps and guidance.
        sampler: None takes the model's.
        ema: of a single file with two sets of weights, the averaged one.
    """

    names: Sequence[str]
    sd: Path
    prompt: str
    settings: DrawSettings
    sampler: str | None = None
    ema: bool = False

    def about(self) -> dict[str, Any]:
        """Whatever the pictures depend on."""
        drawing = {key: value for key, value in asdict(self.settings).items() if key not in ("batch_size", "sampler")}
        more = {"prompt": self.prompt, "sampler": self.sampler, "ema": self.ema}
        return {"weights": fingerprint(self.sd), **more, **drawing}


def draw_names(asked: Asked, out: Path, progress: Callable[[int], None] = lambda count: None) -> dict[str, Path]:
    """A row of pictures for each name, drawn where it is not there.

    Args:
        asked: what is drawn.
        out: the folder.
        progress: called with the number of names that are done.

    Raises:
        ValueError: ``out`` holds pictures made with other settings, or the prompt has no place for the name.
    """
    if "{}" not in asked.prompt:
        raise ValueError(f"--prompt {asked.prompt!r} has no place for the name: write {{}} there")
    claim(out, asked.about(), "names.json")
    rows = {name: out / "pictures" / f"{file_stem(name)}.png" for name in asked.names}
    todo = [name for name in asked.names if not rows[name].is_file()]
    progress(len(rows) - len(todo))
    if not todo:
        return rows
    pipeline, settings = _pipeline(asked), asked.settings
    at_once = max(1, settings.batch_size // settings.num_samples)
    seeds = [settings.seed + i for i in range(settings.num_samples)]
    for start in range(0, len(todo), at_once):
        part = todo[start : start + at_once]
        prompts = [asked.prompt.replace("{}", name) for name in part for _ in seeds]
        drawn = draw_vectors(pipeline, prompts, None, seeds * len(part), settings)
        for place, name in enumerate(part):
            own = drawn[place * len(seeds) : (place + 1) * len(seeds)]
            save_png(rows[name], grid_of(own, gap=0), {"prompt": asked.prompt.replace("{}", name), "seeds": seeds})
        progress(len(part))
    return rows


def _pipeline(asked: Asked) -> Any:
    pipeline = pipeline_of(untrained(asked.sd, asked.ema), None, asked.sampler)
    pipeline.check([asked.prompt.replace("{}", name) for name in asked.names])
    return pipeline


def block_of(path: Path, each: int, side_px: int = 160) -> Image.Image:
    """The ``each`` pictures of a row as a block, small: what a contact sheet shows of a name."""
    block = grid(pictures_in(path, each), columns=math.ceil(each**0.5), gap_px=0)
    block.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return block


def describe(
    rows: Mapping[str, Path], each: int, judge: Judge, out: Path, progress: Callable[[int], None] = lambda count: None
) -> list[list[Vector | None]]:
    """The face that ``judge`` sees in each picture of each name; kept in ``out``, by judge."""
    found = []
    for name, path in rows.items():
        file = out / "faces" / judge.name / f"{file_stem(name)}.json"
        if not file.is_file():
            faces = judge.vectors(pictures_in(path, each))
            write_json(file, [None if face is None else [round(float(x), 5) for x in face] for face in faces])
        kept = json.loads(file.read_text(encoding="utf-8"))
        found.append([None if face is None else np.asarray(face, np.float32) for face in kept])
        progress(1)
    return found


def write_names(path: Path, names: Sequence[str], told: Sequence[str]) -> None:
    """A list of names as ``celeb_txt`` takes it, with comment lines that say how it came about."""
    write_text(path, "\n".join([*(f"# {line}" for line in told), *names]) + "\n")


def as_many(names: Sequence[str], count: int, seed: int = 0) -> list[str]:
    """``count`` of ``names`` drawn by ``seed``, sorted: what a list of chosen names is compared with."""
    order = torch.randperm(len(names), generator=generator(seed, "names"))
    return sorted(names[place] for place in order[:count].tolist())
