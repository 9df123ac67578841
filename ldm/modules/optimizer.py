"""How trained parameters are moved: AdamW and its learning rate over the steps."""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn


class Trapezoid:
    """Factor of the learning rate: linear warm-up to 1, constant, linear decay to 0 at ``max_steps``.

    Args:
        max_steps: of the whole run; -1 for no end, which has no decay.
        warmup_steps: until the factor is 1.
        decay_fraction: share of all steps, at the end, over which it falls.
    """

    def __init__(self, max_steps: int, warmup_steps: int = 0, decay_fraction: float = 0.0) -> None:
        self.max_steps, self.warmup_steps, self.decay_fraction = max_steps, warmup_steps, decay_fraction

    def __call__(self, step: int) -> float:
        """The factor at ``step``, counted from 0."""
        factor = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        if self.max_steps > 0 and self.decay_fraction > 0:
            factor = min(factor, max(0.0, (self.max_steps - step) / (self.max_steps * self.decay_fraction)))
        return factor


class AdamW:
    """AdamW (Loshchilov & Hutter 2019) with warm-up and decay.

    Args:
        weight_decay: decoupled from the gradient.
        betas: decay of the running means of the gradient and of its square.
        eight_bit: keep the optimizer's state in 8 bits (bitsandbytes).
        warmup_steps: steps of linear warm-up.
        decay_fraction: share of all steps at the end over which the learning rate falls to zero.
        lr_factors: by a part of a parameter's name, what its learning rate is multiplied with, for example
            ``{token_embedding: 5}``; the first part that fits counts.
    """

    def __init__(
        self,
        weight_decay: Annotated[float, Field(ge=0)] = 0.01,
        betas: tuple[float, float] = (0.9, 0.999),
        eight_bit: bool = False,
        warmup_steps: Annotated[int, Field(ge=0)] = 0,
        decay_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0,
        lr_factors: Mapping[str, Annotated[float, Field(gt=0)]] | None = None,
    ) -> None:
        self.lr_factors = dict(lr_factors or {})
        self.weight_decay, self.betas, self.eight_bit = weight_decay, betas, eight_bit
        self.warmup_steps, self.decay_fraction = warmup_steps, decay_fraction

    def build(self, parameters: Mapping[str, nn.Parameter], learning_rate: float, max_steps: int) -> Any:
        """Optimizer and per-step schedule, in the form that ``configure_optimizers`` returns.

        Raises:
            ValueError: there is nothing to train, or a part of ``lr_factors`` is in no parameter's name.
            ImportError: ``eight_bit`` without bitsandbytes.
        """
        if not parameters:
            raise ValueError("nothing would be trained: model.params.personalization_config names no parameter")
        trained = self._groups(parameters, learning_rate)
        kind = _eight_bit_adamw() if self.eight_bit else torch.optim.AdamW
        optimizer = kind(trained, lr=learning_rate, betas=self.betas, weight_decay=self.weight_decay)
        factor = Trapezoid(max_steps, self.warmup_steps, self.decay_fraction)
        # A plain function: an object's own numbers would go into checkpoints, and a run that goes on with more steps
        # would find the old end in them.
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(step))
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def _groups(self, parameters: Mapping[str, nn.Parameter], learning_rate: float) -> list[dict[str, Any]]:
        """Parameters by their learning rate, those without a factor first."""
        groups: dict[str, list[nn.Parameter]] = {"": [], **{part: [] for part in self.lr_factors}}
        for name, parameter in parameters.items():
            groups[next((part for part in self.lr_factors if part in name), "")].append(parameter)
        if unused := [part for part in self.lr_factors if not groups[part]]:
            raise ValueError(f"lr_factors: no trained parameter has {', '.join(map(repr, unused))} in its name")
        return [
            {"params": members, "lr": learning_rate * self.lr_factors.get(part, 1.0)}
            for part, members in groups.items()
            if members
        ]


def _eight_bit_adamw() -> Any:
    try:
        import bitsandbytes
    except ImportError as error:
        raise ImportError("eight_bit: true needs bitsandbytes: pip install 'celebbasis-ldm[8bit]'") from error
    return bitsandbytes.optim.AdamW8bit
