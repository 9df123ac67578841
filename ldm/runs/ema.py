"""Running averages of the trained parameters."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Annotated, Any, Literal

import pytorch_lightning as pl
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ldm.runs.steps import StepEnd
from ldm.runs.strategies import require_whole

Use = Literal["validation", "previews", "exports"]


class Ema(pl.Callback):
    """Exponential moving averages of what is trained, and of nothing else.

    After n steps the decay is min(decay, (1 + n) / (10 + n)): early averages forget the start quickly.
    Source: the warm-up is that of TensorFlow's ExponentialMovingAverage (num_updates), which LDM uses.

    Args:
        decay: the share of the old average that a step keeps.
        used_for: where the averages stand in for the trained values.
    """

    def __init__(
        self,
        decay: Annotated[float, Field(gt=0, lt=1)] = 0.9999,
        used_for: tuple[Use, ...] = ("validation", "previews", "exports"),
    ) -> None:
        self.decay, self.used_for = decay, used_for
        self.updates = 0
        self.averages: dict[str, Tensor] = {}
        self._trained: dict[str, nn.Parameter] = {}
        self._set_aside: dict[str, Tensor] = {}
        self._step_end = StepEnd()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start from the parameters, or from the averages that a checkpoint brought.

        Raises:
            KeyError: the checkpoint's averages are of other parameters than those trained now.
            ValueError: under this strategy no process holds what is trained.
        """
        require_whole(trainer, "ema")
        self._step_end.start(trainer)
        self._trained = trained = trained_parameters(pl_module)
        if not self.averages:
            self.averages = {name: parameter.detach().clone() for name, parameter in trained.items()}
        if self.averages.keys() != trained.keys():
            differing = sorted(self.averages.keys() ^ trained.keys())
            raise KeyError(
                f"the checkpoint's EMA and what is trained now differ in {len(differing)} parameters, "
                f"first {differing[0]!r}: was it made with another personalization_config?"
            )
        self.averages = {name: average.to(trained[name].device) for name, average in self.averages.items()}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the averages towards the parameters, once a step."""
        if not self._step_end.reached(trainer):
            return
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        averages: Any = list(self.averages.values())
        update(averages, [self._trained[name].detach() for name in self.averages], self.updates)

    @contextmanager
    def swapped(self, pl_module: nn.Module) -> Iterator[None]:
        """Inside the block the model computes with the averages."""
        self._swap_in(pl_module)
        try:
            yield
        finally:
            self._swap_out(pl_module)

    def _swap_in(self, pl_module: nn.Module) -> None:
        trained = trained_parameters(pl_module)
        self._set_aside = {name: trained[name].detach().clone() for name in self.averages}
        _copy(self.averages, trained)

    def _swap_out(self, pl_module: nn.Module) -> None:
        _copy(self._set_aside, trained_parameters(pl_module))
        self._set_aside = {}

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate the averages."""
        if "validation" in self.used_for:
            self._swap_in(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go back to the trained values."""
        self._swap_out(pl_module)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Go back to the trained values, wherever the exception came from."""
        self._swap_out(pl_module)

    def state_dict(self) -> dict[str, Any]:
        """The averages and how many steps made them."""
        return {"updates": self.updates, "averages": dict(self.averages)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with saved averages."""
        self.updates, self.averages = state_dict["updates"], dict(state_dict["averages"])


def trained_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """What requires grad, by name."""
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


@torch.no_grad()
def _copy(values: dict[str, Tensor], parameters: dict[str, nn.Parameter]) -> None:
    for name, value in values.items():
        parameters[name].copy_(value)


def averaged(trainer: pl.Trainer, pl_module: nn.Module, use: Use) -> AbstractContextManager[None]:
    """Inside the block the model computes with its averages, if the run keeps averages for this use."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Ema) and use in callback.used_for and callback.averages:
            return callback.swapped(pl_module)
    return nullcontext()
