"""What a training step costs beside its floor: the networks forward and backward and a fused AdamW, nothing else.

``python -m ldm study bench`` (``make bench``) times whole steps of the trainer, from the end of one batch to the end of
the next, data, optimizer and callbacks included. Steps and floors are taken in turns in one process, so that what else
happens on the machine touches both.
"""

import logging
import platform
import statistics
from pathlib import Path
from typing import Any

import torch

from evaluation.demo import write_photos
from evaluation.scripts import ROOT, Scripts
from evaluation.stages import Stages
from evaluation.studies.document import markdown_table, replace_section
from evaluation.studies.timing import WARM_UP, Case, build_case, floor_seconds, step_seconds
from ldm.files import write_json

REPEATS = 5
GOAL, GOAL_OF_METHODS = 1.15, 1.12
"""Of celeb basis, whose faces become vectors in every step; of the other methods."""
CONFIGS = Path("configs/stable-diffusion")
PUBLISHED_ON_EMBEDDED = [
    "model.params.cond_stage_config.params.n_components=auto",  # its names span fewer than 512 directions
    "model.params.cond_stage_config.params.celeb_txt=null",  # the names it knows
    "model.params.personalization_config.params.placeholder_strings=[sks,ks]",  # it has no tokens for & and *
    "model.params.gradient_checkpointing=false",  # memory is no matter at this size
    "data.params.num_workers=0",
]
"""What the published settings need to fit the embedded model."""
TRAIN = "data.params.train.params"


def cases_of(photos: Path, manifest: Path, sd: Path) -> list[Case]:
    """Every way of training, on the photos and the aligned faces of the same two people."""
    pictures, no_class = f"{TRAIN}.folder={photos}", f"{TRAIN}.class_config=null"
    beside = [f"{TRAIN}.class_config.params.{one}" for one in (f"folder={photos}", "num=2", "generate=false")]
    published = build_case(
        "celeb basis, published settings", CONFIGS / "aigc_id.yaml", sd, manifest, PUBLISHED_ON_EMBEDDED
    )
    wanted: list[tuple[str, str, list[str]]] = [
        ("full", "dreambooth.yaml", [pictures, no_class]),
        ("full with prior preservation", "dreambooth.yaml", [pictures, *beside]),
        ("LoRA", "lora.yaml", [pictures]),
        ("textual inversion", "textual_inversion.yaml", [pictures]),
        ("pivotal", "pivotal.yaml", [pictures]),
    ]
    others = [build_case(name, CONFIGS / config, sd, None, overrides) for name, config, overrides in wanted]
    return [build_case("celeb basis", CONFIGS / "celeb_basis.yaml", sd, manifest, []), published, *others]


def measure(cases: list[Case], steps: int, repeats: int = REPEATS, warm_up: int = WARM_UP) -> dict[str, Any]:
    """Steps and floors in turns: milliseconds per repeat, and the medians of time and of their ratio."""
    seconds: dict[str, dict[str, list[float]]] = {case.name: {"floor": [], "step": []} for case in cases}
    for case in cases:
        step_seconds(case, 1, warm_up)  # layouts and kernels are chosen at the first fit
    for _ in range(repeats):
        for case in cases:
            seconds[case.name]["floor"].append(floor_seconds(case, steps, warm_up))
            seconds[case.name]["step"].append(step_seconds(case, steps, warm_up))
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
    """Time a training step of every method beside its floor.

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
    cases = cases_of(out / "photos", manifest, sd)
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
        one, goal = found[case.name], GOAL if "celeb basis" in case.name else GOAL_OF_METHODS
        reads = case.model.personalization.replaces_vectors
        floor = "UNet" + (" + text encoder" if reads else "") + (" + VAE encode" if case.encodes else "") + " + AdamW"
        rows.append(
            [
                case.name,
                str(one["batch_size"]),
                f"{one['step_median_ms']:.1f} ms",
                f"{one['floor_median_ms']:.1f} ms ({floor})",
                f"{one['ratio']:.2f}",
                f"{'yes' if one['ratio'] <= goal else 'no'} (≤ {goal})",
            ]
        )
    return markdown_table(["", "batch", "step", "floor", "step / floor", "met"], rows)


def section(table: str, found: dict[str, Any]) -> str:
    """The text of the section."""
    return f"""
`make bench` ({found["machine"]}). A whole step of the trainer, data, optimizer and callbacks included, beside the UNet
forward and backward, the text encoder down to the token vectors where those are trained, and a fused AdamW of what is
trained in the networks. On a CPU, seconds of the processor. Medians of {found["repeats"]} repeats of {found["steps"]}
steps, floor and step in turns in one process.

{table}
"""
