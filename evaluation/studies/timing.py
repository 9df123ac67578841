"""Time one training step of the real trainer, and its floor: the networks and a fused AdamW, nothing else.

On a CPU the clock is that of the processor: what else happens on the machine does not count.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from ldm.config import load_config
from ldm.runs.photo_tools import RunTools
from ldm.runs.train import build_model, scaled_learning_rate
from ldm.runs.trainer import precision_for
from ldm.util import instantiate_from_config

WARM_UP = 3
SEED = 23


def clock(device: torch.device) -> float:
    """Seconds: of the processor where that does the work, of the wall where it waits for a device."""
    if device.type == "cpu":
        return time.process_time()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class StepTimes(pl.Callback):
    """Seconds from the end of one batch to the end of the next."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last: float | None = None

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """A step ended."""
        now = clock(pl_module.device)
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


def build_case(name: str, config_file: Path, sd: Path, manifest: Path | None, overrides: list[str]) -> Case:
    """The model and the data of ``config_file`` on the weights ``sd``, and the faces of ``manifest`` if there are."""
    faces = [] if manifest is None else [f"data.params.train.params.pickle_path={manifest}"]
    given = [f"model.params.ckpt_path={sd}", *faces, *overrides]
    config = load_config([config_file], given, required=("model", "data"))
    model, data = build_model(config, SEED), instantiate_from_config(config.data)
    if hasattr(data, "inject"):
        data.inject(model=model, tools=RunTools(model))
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


def step_seconds(case: Case, steps: int, warm_up: int = WARM_UP) -> float:
    """Median seconds of a step of the real trainer, after at least one step of warming up."""
    times = StepTimes()
    case.trainer(warm_up + steps, times).fit(case.model, case.data)
    return statistics.median(times.seconds[warm_up - 1 :])


def floor_seconds(case: Case, steps: int, warm_up: int = WARM_UP) -> float:
    """Median seconds of the floor, see :func:`floor_step`."""
    step = floor_step(case)
    seconds = []
    for number in range(warm_up + steps):
        started = clock(case.model.device)
        step()
        if number >= warm_up:
            seconds.append(clock(case.model.device) - started)
    return statistics.median(seconds)


def floor_step(case: Case) -> Callable[[], None]:
    """A function that does one step of the floor, on random input of the method's shapes.

    The UNet forward and backward; the text encoder too where token vectors or the encoder itself are trained, down to
    the vectors; the first stage's encoder where the method encodes pictures each step; and a fused AdamW of what is
    trained in the networks.
    """
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
    trained = [p for network in (unet, text) for p in network.parameters() if p.requires_grad]
    copies = [nn.Parameter(p.detach().clone()) for p in trained] or [offset]
    optimizer = torch.optim.AdamW(copies, fused=device.type in ("cpu", "cuda"))
    reads = model.personalization.replaces_vectors or any(p.requires_grad for p in text.parameters())
    context = torch.randn(case.batch_size, ids.shape[1], config.cross_attention_dim, device=device)

    def shift(_module: nn.Module, _args: Any, vectors: Tensor) -> Tensor:
        return vectors + offset.to(vectors)

    def read() -> Tensor:
        handle = text.get_input_embeddings().register_forward_hook(shift)
        try:
            hidden: Tensor = text(input_ids=ids).last_hidden_state
        finally:
            handle.remove()
        return hidden

    def step() -> None:
        with precision.forward_context():
            if case.encodes:
                with torch.no_grad():
                    model.first_stage_model.encode(images)
            prediction = unet(latents, timesteps, read() if reads else context).sample
        prediction.float().square().mean().backward()
        for copy, parameter in zip(copies, trained, strict=False):  # the model itself stays as it is
            copy.grad, parameter.grad = parameter.grad, None
        optimizer.step()
        optimizer.zero_grad()
        offset.grad = None

    return step
