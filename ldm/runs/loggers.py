"""Where scalars, pictures and tables of a run go: TensorBoard always, W&B when asked."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from ldm.runs.folder import RunFolder
from ldm.runs.weights_and_biases import Wandb

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One drawn picture of one person.

    Attributes:
        person: who was asked for.
        prompt: the words.
        step: after which step, counted from 0.
        picture: what came out.
        identity: cosine to the person's photo; None where nobody looked or no face was found.
    """

    person: str
    prompt: str
    step: int
    picture: Image.Image
    identity: float | None = None


def build_loggers(lightning: Mapping[str, Any], run: RunFolder, debug: bool = False) -> list[Logger]:
    """TensorBoard in ``<run>/tensorboard``, and what ``lightning.logger`` asks for.

    Args:
        lightning: the config's section; ``logger`` is "tensorboard" or "wandb", ``wandb`` holds W&B's settings.
        run: where everything lies.
        debug: keep W&B offline.

    Raises:
        ValueError: ``lightning.logger`` is something else.
    """
    wanted = lightning.get("logger") or "tensorboard"
    if wanted not in ("tensorboard", "wandb"):
        raise ValueError(f"lightning.logger: {wanted!r} given; tensorboard (always there) or wandb")
    loggers: list[Logger] = [TensorBoardLogger(str(run.path), name="tensorboard", version="")]
    if wanted == "wandb":
        settings = dict(lightning.get("wandb") or {})
        loggers.append(Wandb(run, **(settings | {"offline": True} if debug else settings)))
    return loggers


def log_config(loggers: Iterable[Logger], config: Mapping[str, Any]) -> None:
    """Write the run's config into every logger."""
    for one in loggers:
        one.log_hyperparams(dict(config))


def log_picture(loggers: Iterable[Logger], key: str, picture: Image.Image, caption: str, step: int) -> None:
    """Show ``picture`` under ``key``, after ``step`` (counted from 0)."""
    for one in loggers:
        if isinstance(one, TensorBoardLogger):
            one.experiment.add_image(key, np.asarray(picture), step, dataformats="HWC")
            if caption:
                one.experiment.add_text(f"{key}/captions", caption, step)
        elif isinstance(one, Wandb):
            one.log_image(key, [picture], step=step, caption=[caption])


def has_table(loggers: Iterable[Logger]) -> bool:
    """Whether :func:`log_people` enters rows anywhere."""
    return any(isinstance(one, Wandb) for one in loggers)


def log_people(loggers: Iterable[Logger], rows: Sequence[Row], step: int) -> None:
    """Enter ``rows`` into the table person x prompt x step of the loggers that have tables."""
    for one in loggers:
        if isinstance(one, Wandb) and rows:
            one.log_people([(r.person, r.prompt, r.step, r.picture, r.identity) for r in rows], step)
