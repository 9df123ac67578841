"""What Stable Diffusion 1.x costs at full size: loading, a training step beside its floor, memory, the first picture.

``python -m ldm study sd1``. The weights are random; none of this depends on what they are. Each part is measured in a
process of its own, so that its peak of memory is its own.
"""

import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from evaluation.demo import write_photos
from evaluation.scripts import ROOT, Scripts
from evaluation.stages import Stages
from evaluation.studies.bench import measure
from evaluation.studies.document import markdown_table, replace_section
from evaluation.studies.timing import build_case
from ldm.files import atomic_path, write_json, write_text
from ldm.runs.folder import RunFolder
from ldm.runs.memory import peak_rss_mb

CONFIG = Path("configs/stable-diffusion/celeb_basis.yaml")
SETTING = (
    "model.params.ckpt_dtype=bfloat16",
    "lightning.trainer.precision=bf16-mixed",
    "data.params.batch_size=1",
    "data.params.num_workers=0",
    "data.params.train.params.num_variants=1",
    "data.params.train.params.pair_p=0",
)
"""One picture a step, and as few pictures to encode beforehand as there can be."""


def run(repeats: int, drawing_steps: int, out: Path, document: bool = True) -> None:
    """Measure, and write what was found.

    Args:
        repeats: of a floor and a step, in turns.
        drawing_steps: of the sampler, for the first picture.
        out: where weights, photos, the run and the numbers go; weights that are there are used.
        document: write the section of docs/measurements.md too.
    """
    out = out if Path.cwd() == ROOT else out.absolute()
    weights = out / "random_sd1.safetensors"
    if not weights.is_file():
        alone(write_random_sd1, weights)
    write_photos(out / "photos")
    scripts = Scripts(Stages(out / "logs", ROOT), weights, CONFIG)
    manifest = scripts.align(out / "photos", out / "aligned")
    found: dict[str, Any] = {
        "machine": f"CPU, {torch.get_num_threads()} threads, {platform.machine()}, torch {torch.__version__}",
        "weights_gb": weights.stat().st_size / 1e9,
        "load": alone(measure_loading, weights),
        "step": alone(measure_step, weights, manifest, repeats),
    }
    trained = scripts.train(manifest, out / "runs", [*SETTING, "lightning.trainer.max_steps=1"])
    found["checkpoint_mb"] = RunFolder.open(trained).checkpoint().stat().st_size / 1e6
    found["first_picture_s"] = first_picture_s(weights, trained, drawing_steps, out / "pictures")
    found["drawing_steps"] = drawing_steps
    found["load_average"], found["cores"] = os.getloadavg()[2], os.cpu_count() or 1
    write_json(out / "sd1.json", found)
    table = table_of(found)
    print(f"{found['machine']}\n{table}")
    if document:
        replace_section("Stable Diffusion 1.x at full size", section(table, found))


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """What ``work`` gives in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def write_random_sd1(path: Path) -> None:
    """A single file in CompVis's layout, in half precision: random weights that leave activations finite."""
    from safetensors.torch import save_file

    from ldm.weights.compvis import LIKE_SD1, empty_networks
    from ldm.weights.compvis_names import to_compvis

    draws = torch.Generator().manual_seed(0)
    networks = empty_networks(LIKE_SD1)
    for network in networks.values():
        state = {}
        for name, empty in network.state_dict().items():
            noise = torch.randn(empty.shape, generator=draws).mul_(0.02 if empty.ndim > 1 else 0.01)
            state[name] = (noise + ("norm" in name and name.endswith("weight"))).half()
        network.load_state_dict(state, assign=True)
    tensors = {name: tensor.contiguous() for name, tensor in to_compvis(networks).items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {"format": "pt"})


def measure_loading(weights: Path) -> dict[str, float]:
    """Seconds and memory from a file in half precision to the parts of a model; every weight is touched."""
    from ldm.weights.read import read_model

    before, began = peak_rss_mb(), time.perf_counter()
    parts = read_model(weights, torch.float16)
    touched = sum(float(p.float().sum()) for network in parts.networks().values() for p in network.parameters())
    seconds = time.perf_counter() - began
    if touched != touched:
        raise ValueError(f"{weights} holds numbers that are none")
    return {"seconds": seconds, "peak_mb": peak_rss_mb(), "before_mb": before}


def measure_step(weights: Path, manifest: Path, repeats: int) -> dict[str, Any]:
    """A whole step of the trainer and its floor, in turns, and the memory that the process came to."""
    case = build_case("step", CONFIG, sd=weights, manifest=manifest, overrides=list(SETTING))
    found: dict[str, Any] = measure([case], steps=1, repeats=repeats, warm_up=1)["step"]
    return found | {"peak_mb": peak_rss_mb()}


def first_picture_s(weights: Path, trained: Path, steps: int, out: Path) -> float:
    """Seconds from the call of 02_start_test.sh, everything still to be read, to the first picture in the folder."""
    listing = out.with_name("prompt.txt")
    write_text(listing, "a photo of sks\n")
    there, began = pictures(out), time.perf_counter()
    command = ["bash", "02_start_test.sh", weights, listing, trained, "1", "--ddim_steps", steps, "--out", out]
    with subprocess.Popen([str(word) for word in command], cwd=ROOT) as drawing:
        while drawing.poll() is None and pictures(out) == there:
            time.sleep(0.05)
        seconds = time.perf_counter() - began
    if drawing.returncode:
        raise RuntimeError(f"02_start_test.sh ended with exit code {drawing.returncode}")
    return seconds


def pictures(folder: Path) -> set[Path]:
    """The pictures in ``folder`` and below."""
    return set(folder.rglob("*.png")) | set(folder.rglob("*.jpg"))


def table_of(found: dict[str, Any]) -> str:
    """What was measured, a row each."""
    load, step = found["load"], found["step"]
    rows: Sequence[Sequence[str]] = [
        ["loading the file, every weight touched", f"{load['seconds']:.1f} s"],
        ["memory of the process that loads, at most", f"{load['peak_mb'] / 1024:.2f} GiB"],
        ["a training step", f"{step['step_median_ms'] / 1000:.1f} s"],
        ["its floor: UNet and text encoder forward and backward", f"{step['floor_median_ms'] / 1000:.1f} s"],
        ["step / floor", f"{step['ratio']:.2f}"],
        ["memory of the process that trains, at most", f"{step['peak_mb'] / 1024:.2f} GiB"],
        ["a checkpoint of celeb basis (`last.ckpt`)", f"{found['checkpoint_mb']:.1f} MB"],
        [
            f"`02_start_test.sh` from the call to the first picture, {found['drawing_steps']} sampler steps",
            f"{found['first_picture_s']:.0f} s",
        ],
    ]
    return markdown_table(["", "measured"], rows)


def section(table: str, found: dict[str, Any]) -> str:
    """The text of the section."""
    repeats = len(found["step"]["step_ms"])
    return f"""
`python -m ldm study sd1` ({found["machine"]}). Random weights in the layout of Stable Diffusion 1.x, a file of
{found["weights_gb"]:.2f} GB in half precision; 512 x 512 pixels. Training: `{CONFIG.name}` in bf16, batch 1, latents
made beforehand; medians of {repeats} steps and {repeats} floors in CPU-seconds, in turns in one process.{shared(found)}

{table}
"""


def shared(found: dict[str, Any]) -> str:
    """A sentence where other work ran on the machine: what is timed by the clock took longer for it."""
    if found["load_average"] <= found["cores"]:
        return ""
    return (
        f"\nOther work ran beside it ({found['load_average']:.1f} processes waited for {found['cores']} cores): the "
        "seconds of loading and of the\nfirst picture, which are those of the clock, would be fewer alone."
    )
