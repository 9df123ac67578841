"""What a training step costs beside its floor: the UNet and the text encoder forward and backward, nothing else.

``python -m ldm study bench`` (``make bench``) times whole steps of the trainer, from the end of one batch to the end of
the next, data, optimizer and callbacks included. Steps and floors are taken in turns in one process, so that what else
happens on the machine touches both.
"""

import logging
import platform
import statistics
from functools import partial
from pathlib import Path
from typing import Any

import torch

from evaluation.demo import write_photos
from evaluation.scripts import ROOT, Scripts
from evaluation.stages import Stages
from evaluation.studies.document import markdown_table, replace_section
from evaluation.studies.timing import Case, build_case, floor_seconds, step_seconds
from ldm.files import write_json

REPEATS = 5
GOAL = 1.15
CONFIGS = Path("configs/stable-diffusion")
PUBLISHED_ON_EMBEDDED = [
    "model.params.cond_stage_config.params.n_components=auto",  # its names span fewer than 512 directions
    "model.params.cond_stage_config.params.celeb_txt=null",  # the names it knows
    "model.params.personalization_config.params.placeholder_strings=[sks,ks]",  # it has no tokens for & and *
    "model.params.gradient_checkpointing=false",  # memory is no matter at this size
    "data.params.num_workers=0",
]
"""What the published settings need to fit the embedded model."""


def measure(cases: list[Case], steps: int, repeats: int = REPEATS) -> dict[str, Any]:
    """Steps and floors in turns: milliseconds per repeat, and the medians of time and of their ratio."""
    seconds: dict[str, dict[str, list[float]]] = {case.name: {"floor": [], "step": []} for case in cases}
    for case in cases:
        step_seconds(case, 1)  # layouts and kernels are chosen at the first fit
    for _ in range(repeats):
        for case in cases:
            seconds[case.name]["floor"].append(floor_seconds(case, steps))
            seconds[case.name]["step"].append(step_seconds(case, steps))
    found = {}
    for case in cases:
        floor, step = seconds[case.name]["floor"], seconds[case.name]["step"]
        found[case.name] = {
            "batch_size": case.batch_size,
            "encodes": case.encodes,
            "floor_ms": [round(1000 * value, 2) for value in floor],
            "step_ms": [round(1000 * value, 2) for value in step],
            "floor_median_ms": round(1000 * statistics.median(floor), 2),
            "step_median_ms": round(1000 * statistics.median(step), 2),
            "ratio": round(statistics.median(s / f for s, f in zip(step, floor, strict=True)), 3),
        }
    return found


def run(sd: Path, steps: int, threads: int | None, out: Path, document: bool = True) -> None:
    """Time a training step, ours and the published settings, beside its floor.

    Args:
        sd: the weights.
        steps: steps a repeat.
        threads: threads of torch; None leaves it its own choice.
        out: where photos and numbers go.
        document: write the section of docs/measurements.md too.
    """
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)  # one notice a trainer
    if threads:
        torch.set_num_threads(threads)
    out = out if Path.cwd() == ROOT else out.absolute()
    write_photos(out / "photos")
    manifest = Scripts(Stages(out / "logs", ROOT), sd, Path()).align(out / "photos", out / "aligned")
    build = partial(build_case, sd=sd, manifest=manifest)
    cases = [
        build("ours", CONFIGS / "celeb_basis.yaml", overrides=[]),
        build("published settings", CONFIGS / "aigc_id.yaml", overrides=PUBLISHED_ON_EMBEDDED),
    ]
    found = {"machine": machine(cases[0].model), "repeats": REPEATS, "steps": steps, **measure(cases, steps)}
    write_json(out / "bench.json", found)
    table = table_of(found, cases)
    print(f"{found['machine']}\n{table}")
    if document:
        replace_section("A training step", section(table, found))


def machine(model: Any) -> str:
    """What was measured on."""
    if model.device.type == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"CPU, {torch.get_num_threads()} threads, {platform.machine()}, torch {torch.__version__}"


def table_of(found: dict[str, Any], cases: list[Case]) -> str:
    """A row per case."""
    rows = []
    for case in cases:
        one = found[case.name]
        floor = "UNet + text encoder" + (" + VAE encode" if case.encodes else "")
        rows.append(
            [
                case.name,
                str(one["batch_size"]),
                f"{one['step_median_ms']:.1f} ms",
                f"{one['floor_median_ms']:.1f} ms ({floor})",
                f"{one['ratio']:.2f}",
                "yes" if one["ratio"] <= GOAL else "no",
            ]
        )
    return markdown_table(["", "batch", "step", "floor", "step / floor", f"≤ {GOAL}"], rows)


def section(table: str, found: dict[str, Any]) -> str:
    """The text of the section."""
    return f"""
`make bench` ({found["machine"]}). A whole step of the trainer, data, optimizer and callbacks included, beside the UNet
and the text encoder forward and backward alone. Medians of {found["repeats"]} repeats of {found["steps"]} steps, floor
and step in turns in one process.

{table}
"""
