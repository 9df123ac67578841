"""Many pictures by prompts, one a prompt, drawn once and kept."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from evaluation.studies.made_of import run_files
from ldm.commands.bars import bar
from ldm.faces.photos import read_photo
from ldm.files import atomic_path, write_json
from ldm.runs.load import find_run, load_model, untrained
from ldm.weights.fingerprint import fingerprint

BATCH = 16


def open_model(run: Path | None, sd: Path | None) -> Any:
    """The model of a run, or plain weights."""
    if run is not None:
        return load_model(find_run(run).path, sd)
    assert sd is not None  # the command asks for one of them
    return untrained(sd)


def made_of(model: Any, run: Path | None) -> dict[str, Any]:
    """What pictures of ``model`` depend on: hashes of the weights, and of what ``run`` exported last."""
    return {"weights": fingerprint(model.weights_folder), "files": run_files(run)}


def draw(
    pipeline: Any,
    prompts: Sequence[str],
    out: Path,
    about: Mapping[str, Any],
    seed: int,
    steps: int | None,
    guidance: float | None,
) -> tuple[list[Path], float | None]:
    """A picture of every prompt, with seeds one after the other; and seconds a picture, None where all were there.

    A folder below ``out`` holds the pictures of one model, of which ``about`` tells (:func:`made_of`), prompts and
    settings; what it holds is not drawn again.
    """
    defaults = pipeline.model.defaults
    settings = {
        **about,
        "steps": steps or defaults.num_inference_steps,
        "guidance": defaults.guidance_scale if guidance is None else guidance,
        "sampler": type(pipeline.scheduler).__name__,
        "seed": seed,
        "prompts": list(prompts),
    }
    folder = out / hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    write_json(folder / "settings.json", settings)
    paths = [folder / f"{number:05d}.png" for number in range(len(prompts))]
    missing = [number for number, path in enumerate(paths) if not path.is_file()]
    pipeline.check(list(dict.fromkeys(prompts)))
    started = time.perf_counter()
    with bar("draw", len(prompts)) as advance:
        advance(len(prompts) - len(missing))
        for start in range(0, len(missing), BATCH):
            part = missing[start : start + BATCH]
            drawn = pipeline(
                prompt=[prompts[i] for i in part],
                num_inference_steps=settings["steps"],
                guidance_scale=settings["guidance"],
                generator=[torch.Generator().manual_seed(seed + i) for i in part],
            )
            for i, picture in zip(part, drawn.images, strict=True):
                save(paths[i], picture)
            advance(len(part))
    took = time.perf_counter() - started
    return paths, took / len(missing) if missing else None


def save(path: Path, picture: Image.Image) -> None:
    """Write a picture, whole or not at all."""
    with atomic_path(path) as temporary:
        picture.save(temporary, "PNG")


def read_all(paths: Sequence[Path]) -> list[Image.Image]:
    """The pictures."""
    return [read_photo(path) for path in paths]
