"""A run so small that a test can train it: a linear model that draws its noise as the real one does."""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from ldm.data.sampling import SampleKey, as_key
from ldm.files import atomic_path
from ldm.randomness import generator


class TinyData:
    """Samples drawn from (seed, draw, index), as augmentation is."""

    def __init__(self, length: int = 11, seed: int = 0, pickle_path: Path | None = None) -> None:
        self.length, self.seed, self.pickle_path = length, seed, pickle_path

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: SampleKey | int) -> dict[str, Any]:
        key = as_key(key)
        noise = torch.randn(3, 4, 4, generator=generator(self.seed, "augment", key.draw, key.index))
        return {"image": noise.clamp(-1, 1), "caption": f"a photo of {key.index}", "ids": torch.tensor([key.index % 2])}


class TinyModel(pl.LightningModule):
    """Trains ``head`` on top of a frozen ``body``; keeps a buffer, as the identity memory does."""

    def __init__(self, width: int = 4, ckpt_path: Path | None = None, seed: int = 23, bad_at: int = -1) -> None:
        super().__init__()
        self.learning_rate = 0.1
        self.seed, self.bad_at, self.ckpt_path = seed, bad_at, ckpt_path
        self.strict_loading = False
        self.body, self.head = nn.Linear(48, width), nn.Linear(width, 1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator(seed, "start")) / 4)
        self.body.requires_grad_(False).eval()
        self.register_buffer("memory", torch.zeros(2))
        self.losses: list[float] = []
        self.seen: list[list[str]] = []

    def training_step(self, batch: Mapping[str, Any], batch_idx: int) -> Tensor:
        micro_step = self.trainer.fit_loop.epoch_loop.total_batch_idx
        images = batch["image"]
        noise = torch.randn(images.shape, generator=generator(self.seed, "noise", micro_step, self.global_rank))
        features = self.body((images + 0.1 * noise.to(images)).flatten(1))
        loss = (self.head(features) - 1).square().mean()
        for person in batch["ids"].flatten().tolist():
            self.memory[person].lerp_(loss.detach(), 0.1)
        if self.trainer.global_step == self.bad_at:
            loss = loss * float("nan")
        self.log("train/loss", loss.detach())
        self.losses.append(loss.item())
        self.seen.append(list(batch["caption"]))
        return loss

    def validation_step(self, batch: Mapping[str, Any], batch_idx: int) -> None:
        self.log("val/loss", self.head(self.body(batch["image"].flatten(1))).mean())

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.head.parameters(), lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        kept = checkpoint["state_dict"].items()
        checkpoint["state_dict"] = {key: value for key, value in kept if not key.startswith("body")}

    def export(self, folder: Path, step: int) -> list[Path]:
        path = folder / f"embeddings_gs-{step}.pt"
        with atomic_path(path) as temporary:
            torch.save(self.head.weight.detach().clone(), temporary)
        return [path]

    def log_images(self, batch: Mapping[str, Any], num_images: int, seed: int) -> dict[str, Tensor]:
        images = batch["image"][:num_images]
        return {"inputs": images, "samples_scaled": torch.tanh(self.head.weight.mean() * images)}


class TinyTestedModel(TinyModel):
    """One that can be tested too."""

    def test_step(self, batch: Mapping[str, Any], batch_idx: int) -> None:
        self.log("test/loss", self.head(self.body(batch["image"].flatten(1))).mean())


class CtrlC(pl.Callback):
    """What a user does in the middle of a step: Ctrl-C, once, while step ``at_step`` (from 0) is going on."""

    def __init__(self, at_step: int) -> None:
        self.at_step = at_step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.at_step:
            self.at_step = -1
            signal.raise_signal(signal.SIGINT)


class Kill(pl.Callback):
    """Ends a process with a signal while step ``at_step`` (from 0) is going on; SIGKILL leaves it no time to save.

    Args:
        at_step: when; -1 never.
        number: the signal.
        rank: which of the run's processes sends it.
        group: to all of the process group (the run and its workers), as a terminal does it; else to itself.
    """

    def __init__(self, at_step: int, number: int = signal.SIGKILL, rank: int = 0, group: bool = False) -> None:
        self.at_step, self.number, self.rank, self.group = at_step, number, rank, group

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.at_step and trainer.global_rank == self.rank:
            self.at_step = -1
            os.killpg(0, self.number) if self.group else os.kill(os.getpid(), self.number)


class Record(pl.Callback):
    """Appends a line to ``path`` for every batch: what it held, and its loss to the last bit.

    The second process of a run writes beside it, into ``path`` with ".1" at its end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        if trainer.global_rank:
            self.path = self.path.with_name(f"{self.path.name}.{trainer.global_rank}")

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, *_: Any) -> None:
        pixels = batch["image" if "image" in batch else "latents"]
        seen = [*batch["caption"], pixels.double().sum().item().hex(), outputs["loss"].item().hex()]
        with self.path.open("a") as file:
            file.write(json.dumps(seen) + "\n")


def tiny_tree(max_steps: int = 4, **lightning: Any) -> dict[str, Any]:
    """A config that trains the tiny model."""
    return {
        "model": {"base_learning_rate": 0.05, "target": f"{__name__}.TinyModel", "params": {"width": 4}},
        "data": {
            "target": "ldm.data.module.DataModuleFromConfig",
            "params": {"batch_size": 2, "train": {"target": f"{__name__}.TinyData", "params": {"length": 11}}},
        },
        "lightning": {
            "trainer": {"max_steps": max_steps, "accelerator": "cpu", "log_every_n_steps": 1},
            "modelcheckpoint": {"params": {"every_n_train_steps": 2}},
            **lightning,
        },
    }
