"""From the config's lightning section to a trainer with its callbacks and loggers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import LearningRateMonitor
from pytorch_lightning.loggers import Logger

from ldm.config.check import CALLBACKS
from ldm.runs.checkpoint import CheckpointEvery, StraightToDisk
from ldm.runs.ema import Ema
from ldm.runs.finite import StopOnBadLoss
from ldm.runs.folder import RunFolder
from ldm.runs.progress import progress_bar
from ldm.runs.signals import StopOnSignal
from ldm.runs.stats import StepStats
from ldm.util import instantiate_from_config


@dataclass(frozen=True)
class Training:
    """A trainer, and the callbacks that know how its run went."""

    trainer: pl.Trainer
    signals: StopOnSignal
    saves: CheckpointEvery


def build_trainer(lightning: Mapping[str, Any], run: RunFolder, loggers: Sequence[Logger] = ()) -> Training:
    """The trainer that the section describes, on one device unless it says otherwise.

    Args:
        lightning: ``trainer`` (arguments of Lightning's), ``strategy`` (a node, or a name in ``trainer.strategy``),
            ``callbacks`` (nodes by name; beside ours), ``modelcheckpoint`` (arguments of ``CheckpointEvery``).
        run: where checkpoints and pictures go.
        loggers: what takes scalars.
    """
    arguments: dict[str, Any] = {"accelerator": "auto", "devices": 1, "precision": "auto"}
    arguments |= lightning.get("trainer") or {}
    arguments["precision"] = precision_for(arguments["precision"], str(arguments["accelerator"]))
    if lightning.get("strategy"):
        arguments["strategy"] = instantiate_from_config(lightning["strategy"])
    checkpoint = dict((lightning.get("modelcheckpoint") or {}).get("params") or {})
    signals, saves = StopOnSignal(), CheckpointEvery(run.checkpoints, **checkpoint)
    callbacks = [*_callbacks(lightning, run), signals, saves]
    if loggers:
        callbacks.append(LearningRateMonitor(logging_interval="step"))
    if arguments.get("enable_progress_bar", True):
        callbacks.append(progress_bar())
    own: dict[str, Any] = {
        "default_root_dir": str(run.path),
        "logger": list(loggers),
        "callbacks": callbacks,
        "plugins": [StraightToDisk()],
        "use_distributed_sampler": False,  # ldm.data.sampling shares the samples out, in an order that can be resumed
        "enable_model_summary": False,
    }
    return Training(pl.Trainer(**(own | arguments)), signals, saves)


def _callbacks(lightning: Mapping[str, Any], run: RunFolder) -> list[pl.Callback]:
    """EMA first, so that whoever looks sees this step's averages; then ours; then what else the config names."""
    wanted: dict[str, Any] = {"image_logger": {}} | dict(lightning.get("callbacks") or {})
    given = {name: node for name, node in wanted.items() if node is not None}
    nodes = {name: ({"target": CALLBACKS[name]} if name in CALLBACKS else {}) | dict(given[name]) for name in given}
    named = [instantiate_from_config(node, folder=run.images) for node in nodes.values()]
    averages = [callback for callback in named if isinstance(callback, Ema)]
    lookers = [callback for callback in named if not isinstance(callback, Ema)]
    return [*averages, StepStats(), StopOnBadLoss(), *lookers]  # a step's time ends before somebody looks at it


def precision_for(wanted: str | int, accelerator: str) -> str:
    """Lightning's precision for ``wanted``: "auto" takes what the device does well.

    auto: bf16 on a CUDA device that has it, fp16 with loss scaling on another; fp32 on CPU and MPS.

    Raises:
        ValueError: fp16 is asked for on a device that has none.
    """
    cuda = torch.cuda.is_available() and accelerator in ("auto", "gpu", "cuda")
    if wanted == "auto":
        if not cuda:
            return "32-true"
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    mps = torch.backends.mps.is_available() and accelerator in ("auto", "gpu", "mps")
    if str(wanted) in ("16", "16-mixed", "16-true") and not (cuda or mps):
        raise ValueError(
            f"lightning.trainer.precision: {wanted} given, but fp16 needs a GPU and this run uses the CPU; "
            "auto takes 32-true here, bf16-mixed works too"
        )
    return str(wanted)
