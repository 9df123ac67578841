"""Does training fit into 11 GB? The memory of a training step at the full size of Stable Diffusion 1.x, on a GPU.

``python -m ldm study sd1 --gpu-memory``. Each row is a run of ``main.py`` of its own, 512 x 512 pixels, batch 1,
16-bit, on random weights: memory does not depend on what they are. Where there is no GPU, nothing is run and the table
says so.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from evaluation.curve import read_scalars
from evaluation.demo import write_photos
from evaluation.scripts import ROOT, Scripts
from evaluation.stages import StageError, Stages
from evaluation.studies.document import markdown_table, replace_section
from evaluation.studies.sd1 import alone, write_random_sd1
from ldm.files import write_json

GATE_GIB = 10.5
"""Peak reserved, of a card of 11 GB."""
CONFIGS = Path("configs/stable-diffusion")
TITLE = "Memory of a training step at full size, on a GPU"
STEPS = 4
SETTING = (
    "model.params.ckpt_dtype=bfloat16",
    "model.params.gradient_checkpointing=true",
    "data.params.batch_size=1",
    "data.params.num_workers=0",
    "lightning.trainer.precision=auto",
    "lightning.trainer.devices=1",
    f"lightning.trainer.max_steps={STEPS}",
    "lightning.trainer.log_every_n_steps=1",
    f"lightning.modelcheckpoint.params.every_n_train_steps={STEPS}",
    "lightning.callbacks.image_logger=null",
    "lightning.callbacks.previews=null",
)
"""One picture a step, and nobody draws beside it: what is measured is the step."""


@dataclass(frozen=True)
class Row:
    """A way of training.

    Attributes:
        name: in the table.
        key: of its run and its log.
        configs: laid over each other.
        faces: it learns from aligned faces, not from a folder of photos.
        overrides: beside ``SETTING``.
        needs: a package without which it cannot run.
        gate_gib: most memory reserved that is good enough; None: there is no gate.
    """

    name: str
    key: str
    configs: Sequence[Path]
    faces: bool = False
    overrides: Sequence[str] = ()
    needs: str | None = None
    gate_gib: float | None = None

    def words(self, weights: Path, photos: Path, manifest: Path, logs: Path) -> list[str]:
        """The arguments of ``main.py``."""
        data = manifest if self.faces else photos
        return [
            "--base", *map(str, self.configs), "-t", "-n", self.key, "-l", str(logs),
            "--actual_resume", str(weights), "--data_root", str(data), *SETTING, *self.overrides,
        ]  # fmt: skip


ROWS = (
    Row(
        "full DreamBooth UNet, optimizer in main memory (DeepSpeed, stage 2)",
        "dreambooth",
        (CONFIGS / "dreambooth.yaml", Path("configs/strategy/deepspeed_stage_2_offload.yaml")),
        overrides=["data.params.train.params.class_config=null"],
        needs="deepspeed",
        gate_gib=GATE_GIB,
    ),
    Row("LoRA, rank 8", "lora", (CONFIGS / "lora.yaml",)),
    Row(
        "celeb basis",
        "celeb_basis",
        (CONFIGS / "celeb_basis.yaml",),
        faces=True,
        overrides=["data.params.train.params.num_variants=1", "data.params.train.params.pair_p=0"],
    ),
)


@dataclass(frozen=True)
class Memory:
    """What a run came to.

    Attributes:
        reserved_gib: most that torch took of the GPU.
        allocated_gib: most of it that tensors were in.
        host_gib: most main memory of its processes.
    """

    reserved_gib: float
    allocated_gib: float
    host_gib: float


def run(out: Path, document: bool = True) -> None:
    """Measure where that is possible, and write what was found.

    Args:
        out: where weights, photos, runs and the numbers go; weights that are there are used.
        document: write the section of docs/measurements.md too.
    """
    out = out if Path.cwd() == ROOT else out.absolute()
    cuda = torch.cuda.is_available()
    machine = f"{torch.cuda.get_device_name()}, torch {torch.__version__}" if cuda else "no GPU"
    found: dict[str, Memory | str] = {row.key: "not measured: no GPU" for row in ROWS}
    if cuda:
        found = measure(out)
    numbers = {key: one if isinstance(one, str) else vars(one) for key, one in found.items()}
    write_json(out / "gpu_memory.json", {"machine": machine, "rows": numbers})
    text = section(found, machine)
    print(text)
    if document:
        replace_section(TITLE, text)


def measure(out: Path) -> dict[str, Memory | str]:
    """By key of the row: its memory, or why there is none."""
    weights, photos = out / "random_sd1.safetensors", out / "photos"
    if not weights.is_file():
        alone(write_random_sd1, weights)
    write_photos(photos)
    stages = Stages(out / "logs", ROOT)
    manifest = Scripts(stages, weights, Path()).align(photos, out / "aligned")
    found: dict[str, Memory | str] = {}
    for row in ROWS:
        if row.needs and find_spec(row.needs) is None:
            found[row.key] = f"not measured: {row.needs} is not installed"
            continue
        stage, before = f"memory-{row.key}", set((out / "runs").glob("*"))
        try:
            words = row.words(weights, photos, manifest, out / "runs")
            stages.run(stage, [sys.executable, "main.py", *words])
        except StageError:  # out of memory is an answer too; what it said was shown, and stands in its log
            found[row.key] = f"failed: {stage}.log says why"
            continue
        [folder] = set((out / "runs").glob("*")) - before
        found[row.key] = memory_of(folder, stages.peak_rss_mb[stage])
    return found


def memory_of(run: Path, host_mb: float) -> Memory:
    """What a run logged of the GPU, and what was seen of its processes.

    Raises:
        ValueError: it logged nothing of a GPU: it ran elsewhere.
    """
    told: dict[str, Any] = read_scalars(run / "tensorboard")
    if "stats/peak_reserved_mb" not in told:
        raise ValueError(f"{run} logged no memory of a GPU: it was trained on another device")
    peak = {tag: float(told[f"stats/{tag}"][1].max()) / 1024 for tag in ("peak_reserved_mb", "peak_memory_mb")}
    return Memory(peak["peak_reserved_mb"], peak["peak_memory_mb"], host_mb / 1024)


def section(found: dict[str, Memory | str], machine: str) -> str:
    """The text of the section."""
    rows = []
    for row in ROWS:
        one = found[row.key]
        if isinstance(one, str):
            rows.append([row.name, one, "–", "–", "–"])
            continue
        gate = "–" if row.gate_gib is None else _met(one.reserved_gib, row.gate_gib)
        rows.append([row.name, *(f"{gib:.2f} GiB" for gib in vars(one).values()), gate])
    table = markdown_table(["", "GPU, peak reserved", "GPU, peak allocated", "main memory, peak", "met"], rows)
    return f"""
`python -m ldm study sd1 --gpu-memory` ({machine}). Random weights in the layout of Stable Diffusion 1.x;
{STEPS} steps of `main.py`, 512 x 512 pixels, batch 1, 16-bit, gradient checkpointing, no class pictures, nothing drawn
beside it. Of the GPU: the most that torch reserved and allocated in the whole run, loading included. Main memory:
resident sets of all its processes, summed.

{table}
"""


def _met(gib: float, gate: float) -> str:
    return f"{'yes' if gib <= gate else 'no'} (≤ {gate} GiB)"
