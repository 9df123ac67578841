"""How trained parameters are moved: AdamW and its learning rate over the steps."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

Group = tuple[float, tuple[int, int]]
"""Factor of the learning rate; first step, and the end of the steps (-1: none)."""
ALWAYS = (0, -1)
Decay = Literal["linear", "cosine"]


class Trapezoid:
    """Factor of the learning rate: linear warm-up to 1, constant, decay to 0 at ``max_steps``.

    Args:
        max_steps: of the whole run; -1 for no end, which has no decay.
        warmup_steps: until the factor is 1.
        decay_fraction: share of all steps, at the end, over which it falls.
        decay: along a line, or along half a wave of the cosine.
    """

    def __init__(
        self, max_steps: int, warmup_steps: int = 0, decay_fraction: float = 0.0, decay: Decay = "linear"
    ) -> None:
        self.max_steps, self.warmup_steps, self.decay_fraction = max_steps, warmup_steps, decay_fraction
        self.decay = decay

    def __call__(self, step: int) -> float:
        """The factor at ``step``, counted from 0."""
        factor = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        if self.max_steps > 0 and self.decay_fraction > 0:
            left = min(1.0, max(0.0, (self.max_steps - step) / (self.max_steps * self.decay_fraction)))
            factor = min(factor, left if self.decay == "linear" else (1 - math.cos(math.pi * left)) / 2)
        return factor


class Schedule(LambdaLR):
    """A ``LambdaLR`` that takes from a checkpoint at which step a run is, and from its config how it is trained."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to the step of ``state_dict``, with the learning rates, betas and weight decay that this was built with.

        The optimizer is restored before, with those of the run that was saved: they are written over here.
        """
        super().load_state_dict({**state_dict, "base_lrs": self.base_lrs})
        own = zip(self.base_lrs, self.lr_lambdas, strict=True)
        self._last_lr = [base * factor(self.last_epoch) for base, factor in own]
        built = {name: self.optimizer.defaults[name] for name in ("betas", "weight_decay")}
        for group, base, rate in zip(self.optimizer.param_groups, self.base_lrs, self._last_lr, strict=True):
            group.update(built, initial_lr=base, lr=rate)


class AdamW:
    """AdamW (Loshchilov & Hutter 2019) with warm-up and decay, and learning rates and times of their own for parts.

    Args:
        weight_decay: decoupled from the gradient.
        betas: decay of the running means of the gradient and of its square.
        eight_bit: keep the optimizer's state in 8 bits (bitsandbytes).
        warmup_steps: steps of linear warm-up.
        decay_fraction: share of all steps at the end over which the learning rate falls to zero; 0 is a constant one.
        decay: how it falls; ``cosine`` with a fraction of 1 is the usual cosine schedule.
        lr_factors: by a part of a parameter's name, what its learning rate is multiplied with, for example
            ``{token_embedding: 5}``; the first part that fits counts.
        windows: by a part of a parameter's name, the first step at which it is trained and the first at which it is not
            any more (-1: to the end), for example ``{cond_stage_model: [0, 500]}``; warm-up and decay lie inside.
    """

    def __init__(
        self,
        weight_decay: Annotated[float, Field(ge=0)] = 0.01,
        betas: tuple[float, float] = (0.9, 0.999),
        eight_bit: bool = False,
        warmup_steps: Annotated[int, Field(ge=0)] = 0,
        decay_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0,
        decay: Decay = "linear",
        lr_factors: Mapping[str, Annotated[float, Field(gt=0)]] | None = None,
        windows: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        self.lr_factors, self.windows = dict(lr_factors or {}), {k: (v[0], v[1]) for k, v in (windows or {}).items()}
        for part, (first, end) in self.windows.items():
            if first < 0 or (end != -1 and end <= first):
                raise ValueError(
                    f"windows: {part}: [{first}, {end}] is no time: [first step, end], end -1 for all the rest"
                )
        self.weight_decay, self.betas, self.eight_bit = weight_decay, betas, eight_bit
        self.warmup_steps, self.decay_fraction, self.decay = warmup_steps, decay_fraction, decay

    def build(
        self, parameters: Mapping[str, nn.Parameter], learning_rate: float, max_steps: int, precision: str = "32-true"
    ) -> Any:
        """Optimizer and per-step schedule, in the form that ``configure_optimizers`` returns.

        Args:
            parameters: what is trained, by name.
            learning_rate: of those without a factor.
            max_steps: of the whole run; -1 for no end.
            precision: the trainer's. One kernel moves all parameters where there is one, except in mixed precision:
                there Lightning refuses to clip the gradients of such a step.

        Raises:
            ValueError: there is nothing to train, or a part of ``lr_factors`` or ``windows`` is in no parameter's name.
            ImportError: ``eight_bit`` without bitsandbytes.
        """
        if not parameters:
            raise ValueError("nothing would be trained: model.params.personalization_config names no parameter")
        groups = self._groups(parameters)
        trained = [{"params": list(own.values()), "lr": learning_rate * factor} for (factor, _), own in groups.items()]
        options: dict[str, Any] = {"lr": learning_rate, "betas": self.betas, "weight_decay": self.weight_decay}
        if self.eight_bit:
            optimizer = _eight_bit_adamw()(trained, **options)
        else:
            options["fused"] = not precision.endswith("-mixed") and all(map(_has_fused_step, parameters.values()))
            optimizer = torch.optim.AdamW(trained, **options)
            optimizer.register_load_state_dict_pre_hook(_require_same_groups)
        # Plain functions: an object's own numbers would go into checkpoints, and a run that goes on with more steps
        # would find the old end in them.
        factors = [self._factor(window, max_steps) for _, window in groups]
        schedule = Schedule(optimizer, factors)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def _groups(self, parameters: Mapping[str, nn.Parameter]) -> dict[Group, dict[str, nn.Parameter]]:
        """Parameters by learning rate and time, those without any of their own first."""
        for option, parts in (("lr_factors", self.lr_factors), ("windows", self.windows)):
            if unused := [part for part in parts if not any(part in name for name in parameters)]:
                raise ValueError(f"{option}: no trained parameter has {', '.join(map(repr, unused))} in its name")
        groups: dict[Group, dict[str, nn.Parameter]] = {}
        for name in sorted(parameters, key=lambda name: self.group_of(name) != (1.0, ALWAYS)):
            groups.setdefault(self.group_of(name), {})[name] = parameters[name]
        return groups

    def group_of(self, name: str) -> Group:
        """Factor of the learning rate, and first step and end, of the parameter called ``name``."""
        factor = next((factor for part, factor in self.lr_factors.items() if part in name), 1.0)
        return factor, next((window for part, window in self.windows.items() if part in name), ALWAYS)

    def _factor(self, window: tuple[int, int], max_steps: int) -> Callable[[int], float]:
        """The factor of the learning rate over the steps of the run: warm-up and decay in ``window``, 0 outside."""
        first, end = window
        to_the_end = end == -1 or 0 < max_steps <= end  # which a run that goes on with more steps finds later
        if to_the_end:
            end = max_steps
        inside = Trapezoid(end - first if end > 0 else -1, self.warmup_steps, self.decay_fraction, self.decay)
        return lambda step: inside(step - first) if step >= first and (to_the_end or step < end) else 0.0


def pass_over_closed(optimizer: torch.optim.Optimizer) -> None:
    """Take away the gradients of what is not trained at this step: no moments are gathered, nothing is moved."""
    for group in optimizer.param_groups:
        for parameter in group["params"] if group["lr"] == 0 else ():
            parameter.grad = None


def _require_same_groups(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Nothing, if the groups of parameters are as large as those that were saved.

    Raises:
        ValueError: they are not.
    """
    now, saved = (
        [len(group["params"]) for group in groups] for groups in (optimizer.param_groups, state["param_groups"])
    )
    if now != saved:
        raise ValueError(
            f"cannot go on: lr_factors and windows make groups of {now} parameters, and the run was saved with "
            f"{saved}: name the same parts (their numbers may change), or start a new run"
        )


def _has_fused_step(parameter: nn.Parameter) -> bool:
    """Whether torch's fused AdamW takes it: a plain tensor (no shard) of a device that has such a kernel."""
    return type(parameter.data) is torch.Tensor and parameter.device.type in ("cpu", "cuda", "mps")


def _eight_bit_adamw() -> Any:
    try:
        import bitsandbytes
    except ImportError as error:
        raise ImportError("eight_bit: true needs bitsandbytes: pip install 'celebbasis-ldm[8bit]'") from error
    return bitsandbytes.optim.AdamW8bit
