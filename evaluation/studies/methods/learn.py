"""Learn one person in one arm by the real trainer, and look at the model on the way."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from evaluation.studies.methods.arms import DATA, Arm
from evaluation.studies.timing import Case
from ldm.config import load_config
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.runs.callbacks import evaluating
from ldm.runs.photo_tools import RunTools
from ldm.runs.steps import StepEnd
from ldm.runs.train import build_model, scaled_learning_rate
from ldm.util import instantiate_from_config

Look = Callable[[Any, int, "Cost"], None]


@dataclass(frozen=True)
class Cost:
    """What learning took.

    Attributes:
        trained: numbers that are trained.
        seconds: of the processor in all threads, without the looks.
    """

    trained: int
    seconds: float


class LookAt(pl.Callback):
    """Calls ``look`` with the model after certain steps; the training does not notice.

    Args:
        steps: after how many.
        look: gets the model, the steps, and what they cost.
    """

    def __init__(self, steps: tuple[int, ...], look: Look) -> None:
        self.steps, self.look = steps, look
        self._step_end, self._began, self._trained = StepEnd(), 0.0, 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._step_end.start(trainer)
        self._trained = sum(p.numel() for p in pl_module.parameters() if p.requires_grad)
        self._began = time.process_time()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Look when it is time."""
        if not self._step_end.reached(trainer) or trainer.global_step not in self.steps:
            return
        stopped = time.process_time()
        with evaluating(pl_module), torch.no_grad():
            self.look(pl_module, trainer.global_step, Cost(self._trained, stopped - self._began))
        self._began += time.process_time() - stopped


def learn(arm: Arm, folder: Path, manifest: Path, person: int, seed: int, sd: Path, look: Look) -> None:
    """Learn the person whose photos are in ``folder``, and call ``look`` at the arm's steps.

    Args:
        arm: how.
        folder: photos of the person.
        manifest: of everybody, for methods that learn people from aligned faces.
        person: their place in it.
        seed: of everything that is random in training.
        sd: the weights.
        look: see :class:`LookAt`.
    """
    if arm.config is None:
        look(LatentDiffusion(sd).eval(), 0, Cost(0, 0.0))
        return
    config = load_config([arm.config], [*_given(arm, folder, manifest, person, sd, seed), *arm.overrides])
    model: Any = build_model(config, seed)
    data = instantiate_from_config(config.data)
    data.inject(model=model, tools=RunTools(model))
    tree: Any = OmegaConf.to_container(config, resolve=True)
    case = Case(arm.key, model, data, tree["lightning"]["trainer"], 0, encodes=False)
    trainer = case.trainer(arm.looks[-1], LookAt(tuple(arm.looks), look))
    model.learning_rate = arm.rate or scaled_learning_rate(config, trainer)
    trainer.fit(model, data)


def _given(arm: Arm, folder: Path, manifest: Path, person: int, sd: Path, seed: int) -> list[str]:
    """What every run is told."""
    faces = arm.config is not None and "celeb_basis" in arm.config.name
    photos = (
        [f"{DATA}.pickle_path={manifest}", f"{DATA}.specific_ids=[{person}]", f"{DATA}.num_ids=null"]
        if faces
        else [f"{DATA}.folder={folder}"]
    )
    seeds = [f"model.params.seed={seed}", f"data.params.seed={seed}"]
    return [f"model.params.ckpt_path={sd}", *photos, *seeds]
