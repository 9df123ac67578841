"""What a training step costs beside its floor: the UNet and the text encoder forward and backward, nothing else.

``python -m ldm study bench`` (``make bench``) times whole steps of the trainer, from the end of one batch to the end of
the next, data, optimizer and callbacks included. Steps and floors are taken in turns in one process, so that what else
happens on the machine touches both.
"""

import logging
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from evaluation.demo import write_photos
from evaluation.scripts import ROOT, Scripts
from evaluation.stages import Stages
from evaluation.studies.document import markdown_table, replace_section
from ldm.config import load_config
from ldm.files import write_json
from ldm.runs.train import build_model, scaled_learning_rate
from ldm.runs.trainer import precision_for
from ldm.util import instantiate_from_config

REPEATS = 5
WARM_UP = 3
GOAL = 1.15
SEED = 23
CONFIGS = Path("configs/stable-diffusion")
PUBLISHED_ON_EMBEDDED = [
    "model.params.cond_stage_config.params.n_components=auto",  # its names span fewer than 512 directions
    "model.params.cond_stage_config.params.celeb_txt=null",  # the names it knows
    "model.params.personalization_config.params.placeholder_strings=[sks,ks]",  # it has no tokens for & and *
    "model.params.gradient_checkpointing=false",  # memory is no matter at this size
    "data.params.num_workers=0",
]
"""What the published settings need to fit the embedded model."""


class StepTimes(pl.Callback):
    """Seconds from the end of one batch to the end of the next."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last: float | None = None

    def on_train_batch_end(self, *_: Any) -> None:
        """A step ended."""
        now = time.perf_counter()
        if self._last is not None:
            self.seconds.append(now - self._last)
        self._last = now


@dataclass
class Case:
    """One way of training, ready to be timed.

    Attributes:
        name: what it is.
        model: the ``LatentDiffusion``.
        data: its data module.
        lightning: the config's trainer arguments.
        batch_size: pictures a step.
        encodes: whether pictures go through the first stage each step, which then is part of the floor.
    """

    name: str
    model: Any
    data: Any
    lightning: dict[str, Any]
    batch_size: int
    encodes: bool

    def trainer(self, steps: int, *callbacks: pl.Callback) -> pl.Trainer:
        """A trainer as the config has it, for ``steps`` batches, that writes nothing."""
        accelerator = str(self.lightning.get("accelerator", "auto"))
        return pl.Trainer(
            accelerator=accelerator,
            devices=1,
            precision=precision_for(self.lightning.get("precision", "auto"), accelerator),  # type: ignore[arg-type]
            max_steps=steps,
            logger=False,
            callbacks=list(callbacks),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            limit_val_batches=0,
        )


def build_case(name: str, config_file: Path, sd: Path, manifest: Path, overrides: list[str]) -> Case:
    """The model and the data of ``config_file`` on the weights ``sd`` and the faces of ``manifest``."""
    given = [f"model.params.ckpt_path={sd}", f"data.params.train.params.pickle_path={manifest}", *overrides]
    config = load_config([config_file], given, required=("model", "data"))
    model, data = build_model(config, SEED), instantiate_from_config(config.data)
    if hasattr(data, "inject"):
        data.inject(model=model)
    tree: Any = OmegaConf.to_container(config, resolve=True)
    case = Case(name, model, data, (tree.get("lightning") or {}).get("trainer") or {}, 0, encodes=False)
    if "base_learning_rate" in config.model:
        model.learning_rate = scaled_learning_rate(config, case.trainer(1))  # type: ignore[assignment]
    batch = next(iter(_loader(data)))
    case.batch_size, case.encodes = len(batch["caption"]), "latents" not in batch
    return case


def _loader(data: Any) -> Any:
    data.setup("fit")
    return data.train_dataloader()


def step_seconds(case: Case, steps: int) -> float:
    """Median seconds of a step of the real trainer."""
    times = StepTimes()
    case.trainer(WARM_UP + steps, times).fit(case.model, case.data)
    return statistics.median(times.seconds[WARM_UP - 1 :])


def floor_seconds(case: Case, steps: int) -> float:
    """Median seconds of the UNet and the text encoder alone, forward and backward to the token vectors.

    If the method encodes pictures each step, the first stage's encoder is part of it.
    """
    step = floor_step(case)
    seconds = []
    for number in range(WARM_UP + steps):
        started = time.perf_counter()
        step()
        if case.model.device.type == "cuda":
            torch.cuda.synchronize()
        if number >= WARM_UP:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def floor_step(case: Case) -> Callable[[], None]:
    """A function that does one step of the floor, on random input of the method's shapes."""
    model, device = case.model, case.model.device
    unet, text = model.unet, model.cond_stage_model.transformer
    config = unet.config
    latents = torch.randn(case.batch_size, config.in_channels, config.sample_size, config.sample_size, device=device)
    timesteps = torch.full((case.batch_size,), 500, device=device)
    ids = model.cond_stage_model.tokenize(["a photo of a face"] * case.batch_size).ids.to(device)
    offset = nn.Parameter(torch.zeros(text.config.hidden_size, device=device))
    side = config.sample_size * 2 ** (len(model.first_stage_model.config.block_out_channels) - 1)
    images = torch.randn(case.batch_size, 3, side, side, device=device)
    precision = case.trainer(1).precision_plugin

    def shift(_module: nn.Module, _args: Any, vectors: Tensor) -> Tensor:
        return vectors + offset

    def step() -> None:
        with precision.forward_context():
            if case.encodes:
                with torch.no_grad():
                    model.first_stage_model.encode(images)
            handle = text.get_input_embeddings().register_forward_hook(shift)
            try:
                context = text(input_ids=ids).last_hidden_state
            finally:
                handle.remove()
            prediction = unet(latents, timesteps, context).sample
        prediction.float().square().mean().backward()
        offset.grad = None

    return step


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
