"""A run from its config to its end."""

import logging
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities.model_helpers import is_overridden

from ldm.files import full_disk_named
from ldm.runs.doctor_quick import say_what_is_wrong
from ldm.runs.folder import RunFolder
from ldm.runs.loggers import build_loggers, log_config
from ldm.runs.photo_tools import RunTools
from ldm.runs.processes import process_rank
from ldm.runs.strategies import require_kind
from ldm.runs.summary import trained
from ldm.runs.trainer import Training, build_trainer
from ldm.runs.weights_and_biases import Wandb
from ldm.util import instantiate_from_config

logger = logging.getLogger(__name__)

# What Lightning and torch say about things that are meant.
MEANT = (
    r".*module\(s\) in eval mode at the start of training",  # the frozen ones
    r".*LeafSpec.*is deprecated",  # Lightning's own use of torch
    r".*no `val_dataloader`",  # a config without validation
    r".*number of training batches .* is smaller than the logging interval",
    r"Total length of .* across ranks is zero",
    r".*Checkpoint directory .* exists and is not empty",
    r"`torch.distributed\..*` is deprecated",  # DeepSpeed's own use of torch
    r"When saving the DeepSpeed Stage 3 checkpoint",
)


def build_model(config: DictConfig, seed: int) -> pl.LightningModule:
    """The model of the config; what its parts draw for their start comes from ``seed``."""
    quiet()
    pl.seed_everything(seed, workers=True, verbose=False)
    model: pl.LightningModule = instantiate_from_config(config.model)
    return model


def train(
    config: DictConfig,
    model: pl.LightningModule,
    run: RunFolder,
    checkpoint: Path | None = None,
    test: bool = True,
    debug: bool = False,
    begun: Callable[[], None] | None = None,
) -> int:
    """Train until the config's end or a signal; 0, or 128 + the signal.

    If it fails before the first step is done, a folder that was made for it is removed again.

    Args:
        config: the merged, checked config.
        model: what ``build_model`` made of it.
        run: where everything goes.
        checkpoint: go on from this one.
        test: test afterwards, if there is test data.
        debug: keep W&B offline.
        begun: called when everything is loaded and the first step is about to be made.
    """
    try:
        return _train(config, model, run, checkpoint, test, debug, begun)
    except BaseException as error:
        if model.global_step == 0:
            run.discard()
        if isinstance(error.__context__, KeyboardInterrupt):  # which Lightning made exit code 1 of, and ignores since
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from None
        raise


def _train(
    config: DictConfig,
    model: pl.LightningModule,
    run: RunFolder,
    checkpoint: Path | None,
    test: bool,
    debug: bool,
    begun: Callable[[], None] | None,
) -> int:
    data = instantiate_from_config(config.data)
    if hasattr(data, "inject"):
        data.inject(model=model, tools=RunTools(model))
    tree: Any = OmegaConf.to_container(config, resolve=True)
    if checkpoint is None:
        say_what_is_wrong(tree["data"])
    lightning = tree.get("lightning") or {}
    loggers = build_loggers(lightning, run, debug)
    training = build_trainer(lightning, run, loggers)
    if checkpoint:
        require_kind(checkpoint, training.trainer)
    if begun:
        first = pl.callbacks.LambdaCallback(on_train_start=lambda *_: begun())
        training.trainer.callbacks.insert(0, first)  # type: ignore[attr-defined]
    if "base_learning_rate" in config.model:
        model.learning_rate = scaled_learning_rate(  # type: ignore[assignment]
            config, training.trainer
        )
    lines = trained(model).lines(float(model.learning_rate))  # type: ignore[arg-type]
    logger.info("what is trained:%s", "".join(f"\n  {line}" for line in lines))
    log_config(loggers, tree)
    try:
        with run.announced(), full_disk_named(run.path):
            training.trainer.fit(model, data, ckpt_path=checkpoint, weights_only=True)
        return _finish(training, model, data, test)
    finally:
        for one in loggers:
            if isinstance(one, Wandb):
                one.finish()


def quiet() -> None:
    """Leave out what is known and meant, what Lightning says of itself, and what a first process has said already."""
    for message in MEANT:
        warnings.filterwarnings("ignore", message=message)
    for library in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(library).setLevel(logging.WARNING)
    if process_rank() > 0:
        logging.getLogger("ldm").setLevel(logging.WARNING)


def _finish(training: Training, model: pl.LightningModule, data: Any, test: bool) -> int:
    if not training.saves.began:
        logger.warning("nothing was left to train: the run has its %d steps", training.trainer.global_step)
    if training.signals.received is not None:
        return 128 + training.signals.received
    if test and is_overridden("test_step", model) and is_overridden("test_dataloader", data):
        training.trainer.test(model, data)
    return 0


def scaled_learning_rate(config: DictConfig, trainer: pl.Trainer) -> float:
    """LDM's rule: accumulated batches x devices x batch size x base_learning_rate; without scale_lr the last alone."""
    base = float(config.model.base_learning_rate)
    accumulate, devices = trainer.accumulate_grad_batches, trainer.world_size
    batch_size = int((config.data.get("params") or {}).get("batch_size", 1))
    if not config.model.get("scale_lr", True):
        logger.info("learning rate %.2e", base)
        return base
    rate = accumulate * devices * batch_size * base
    logger.info(
        "learning rate %.2e = %d (accumulate) x %d (devices) x %d (batch size) x %.2e (base)",
        rate, accumulate, devices, batch_size, base,
    )  # fmt: skip
    return rate
