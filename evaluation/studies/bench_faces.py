"""What faces from nothing cost: a step of the first stage, a step of the UNet from stored latents, and a picture.

``python -m ldm study bench-faces`` (``make bench``). Steps are those of the trainer, beside the networks' forward and
backward alone; step and floor are taken in turns.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import data as photos
from torch import nn
from torch.nn import functional as F

from evaluation.studies.bench import machine
from evaluation.studies.document import markdown_table, replace_section
from evaluation.studies.timing import WARM_UP, Case, floor_seconds, step_seconds
from ldm.config import load_config
from ldm.data.store import write_store
from ldm.files import write_json
from ldm.runs.draw import pipeline_of
from ldm.runs.load import untrained
from ldm.runs.train import build_model
from ldm.util import instantiate_from_config

REPEATS = 5
GOAL = 1.1
SAMPLER_STEPS = 20
CONFIGS = Path("configs/embedded")
CUT_PX = 256
"""Side of a piece of the photo, which has 512."""


def write_pictures(folder: Path, size_px: int, count: int = 64) -> None:
    """A store of pieces of a photo with attributes: what is on them costs nothing."""
    photo = Image.fromarray(np.asarray(photos.astronaut()))
    rows = [{"file": f"{n}.png", "source": "bench", "split": "train", "attributes": ["Smiling"]} for n in range(count)]
    boxes = [(n, n, n + CUT_PX, n + CUT_PX) for n in range(count)]
    write_store(
        folder, ((np.asarray(photo.resize((size_px, size_px), box=b)), r) for b, r in zip(boxes, rows, strict=True)), {}
    )


def build(name: str, config_file: Path, overrides: list[str]) -> Case:
    """A case of a config, without validation."""
    config = load_config([config_file], overrides, required=("model", "data"))
    model, data = build_model(config, 23), instantiate_from_config(config.data)
    data.inject(model=model)
    trainer = dict(config.lightning.get("trainer") or {})
    return Case(name, model, data, trainer, int(config.data.params.batch_size), encodes=False)


def vae_floor_seconds(case: Case, steps: int) -> float:
    """Median seconds of the first stage forward and backward."""
    vae: nn.Module = case.model.vae
    size = int(case.model.vae.config.sample_size)
    images, precision = torch.rand(case.batch_size, 3, size, size) * 2 - 1, case.trainer(1).precision_plugin
    images = images.to(case.model.device, memory_format=torch.channels_last)
    seconds = []
    for number in range(WARM_UP + steps):
        started = time.perf_counter()
        with precision.forward_context():
            decoded: Any = case.model.vae.decode(case.model.vae.encode(images).latent_dist.mean).sample
            loss = F.mse_loss(decoded.float(), images)
        loss.backward()  # type: ignore[no-untyped-call]
        vae.zero_grad()
        if number >= WARM_UP:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def picture_seconds(sd: Path, batch_size: int, repeats: int = REPEATS) -> float:
    """Median seconds of a picture, drawn ``batch_size`` at a time."""
    pipeline = pipeline_of(untrained(sd))
    seconds = []
    for number in range(repeats + 1):
        started = time.perf_counter()
        generators = [torch.Generator().manual_seed(n) for n in range(batch_size)]
        pipeline(["a photo of a woman"] * batch_size, num_inference_steps=SAMPLER_STEPS, generator=generators)
        if number:
            seconds.append((time.perf_counter() - started) / batch_size)
    return statistics.median(seconds)


def run(sd: Path, steps: int, threads: int | None, out: Path, document: bool) -> None:
    """Time all three.

    Args:
        sd: the weights.
        steps: steps a repeat.
        threads: threads of torch; None leaves it its own choice.
        out: where pictures, latents and numbers go.
        document: write the section of docs/measurements.md too.
    """
    if threads:
        torch.set_num_threads(threads)
    model = untrained(sd)
    write_pictures(out / "pictures", int(model.sample_size_px))
    folder, latents = f"{out / 'pictures'}", f"{out / 'latents'}"
    parts = [f"data.params.{part}.params.folder={folder}" for part in ("train", "validation")]
    unet = [
        "model.params.compile_unet=false",
        f"model.params.ckpt_path={sd}",
        f"data.params.train.params.folder={latents}",
    ]
    unet += [f"data.params.train.params.pictures={folder}", "data.params.batch_size=16"]
    first = build("first stage", CONFIGS / "vae.yaml", [*parts, f"model.params.block_pca={folder}"])
    second = build("UNet from stored latents", CONFIGS / "unet.yaml", unet)
    found: dict[str, Any] = {"machine": machine(second.model), "steps": steps, "repeats": REPEATS}
    for case, floor in ((first, vae_floor_seconds), (second, floor_seconds)):
        step_seconds(case, 1)  # layouts and kernels are chosen at the first fit
        pairs = [(floor(case, steps), step_seconds(case, steps)) for _ in range(REPEATS)]
        found[case.name] = {
            "batch_size": case.batch_size,
            "floor_ms": round(1000 * statistics.median(f for f, _ in pairs), 1),
            "step_ms": round(1000 * statistics.median(s for _, s in pairs), 1),
            "ratio": round(statistics.median(s / f for f, s in pairs), 3),
        }
    found["picture_s"] = {str(n): round(picture_seconds(sd, n), 3) for n in (1, 8)}
    write_json(out / "bench_faces.json", found)
    text = describe(found)
    print(text)
    if document:
        replace_section("Faces from nothing: what they cost", f"`make bench` ({found['machine']}).\n\n{text}")


def describe(found: dict[str, Any]) -> str:
    """A table of the steps, and a line on pictures."""
    rows = [
        [
            name,
            str(one["batch_size"]),
            f"{one['step_ms']} ms",
            f"{one['floor_ms']} ms",
            f"{one['ratio']:.2f}",
            _goal(name, one),
        ]
        for name, one in found.items()
        if isinstance(one, dict) and "ratio" in one
    ]
    alone, together = found["picture_s"]["1"], found["picture_s"]["8"]
    met = "met" if alone <= 1 else "not met"
    return (
        f"{markdown_table(['', 'batch', 'step', 'floor', 'step / floor', f'≤ {GOAL}'], rows)}\n\n"
        f"A picture at {SAMPLER_STEPS} steps: {alone:.2f} s alone (≤ 1 s: {met}), {together:.2f} s among eight. "
        f"Medians of {found['repeats']} repeats of {found['steps']} steps."
    )


def _goal(name: str, one: dict[str, Any]) -> str:
    return ("yes" if one["ratio"] <= GOAL else "no") if "UNet" in name else "none"
