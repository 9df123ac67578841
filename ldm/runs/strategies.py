"""How several processes share one training; laid over any config by the files in configs/strategy/."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import pytorch_lightning as pl
import torch.distributed as dist
from pydantic import Field
from pytorch_lightning.strategies import DDPStrategy, DeepSpeedStrategy, ModelParallelStrategy
from torch import Tensor, nn

Seconds = Annotated[float, Field(gt=0)]
PATIENCE_S = 1800.0
"""PyTorch's own: what one process does alone (previews, exports) must be done by then."""


def cuts_up(trainer: pl.Trainer) -> bool:
    """Whether a process holds only a part of what is trained."""
    return _cutting(trainer) is not None


@contextmanager
def whole_parameters(trainer: pl.Trainer, module: nn.Module) -> Iterator[None]:
    """Inside the block, which all processes enter together, each can read all of ``module``."""
    strategy = _cutting(trainer)
    with strategy.whole(module) if strategy else nullcontext():
        yield


def _cutting(trainer: pl.Trainer) -> "FullyShard | DeepSpeed | None":
    strategy: Any = trainer.strategy
    if isinstance(strategy, FullyShard) or (isinstance(strategy, DeepSpeed) and strategy.zero_stage_3):
        return strategy
    return None


def require_whole(trainer: pl.Trainer, callback: str) -> None:
    """Refuse a callback that reads parameters in one process, where no process holds them all.

    Raises:
        ValueError: that is so; the message names what can be used instead.
    """
    if cuts_up(trainer):
        raise ValueError(
            f"lightning.callbacks.{callback}: {type(trainer.strategy).__name__} cuts up what is trained, so no process "
            "could look at it alone; leave the callback out, or take configs/strategy/ddp.yaml or "
            "deepspeed_stage_2_offload.yaml"
        )


def require_kind(checkpoint: Path, trainer: pl.Trainer) -> None:
    """Refuse a checkpoint that this strategy cannot read: DeepSpeed's are folders, the others' are files.

    Raises:
        ValueError: that is so; the message says what to do.
    """
    if checkpoint.is_dir() != isinstance(trainer.strategy, DeepSpeedStrategy):
        began, goes_on = ("under", "without") if checkpoint.is_dir() else ("without", "under")
        raise ValueError(
            f"{checkpoint} was saved {began} DeepSpeed, and would be gone on with {goes_on} it: lay the same file of "
            "configs/strategy/ over the run as at its start, or start a new run from the files it exported"
        )


class Ddp(DDPStrategy):
    """Each process holds all of the model; gradients are averaged.

    Args:
        timeout_s: how long a process waits for the others.
        find_unused_parameters: needed where a step leaves trained parameters out; costs time.
    """

    def __init__(self, timeout_s: Seconds = PATIENCE_S, find_unused_parameters: bool = False) -> None:
        super().__init__(
            timeout=timedelta(seconds=timeout_s),
            find_unused_parameters=find_unused_parameters,
            gradient_as_bucket_view=True,
        )


class DeepSpeed(DeepSpeedStrategy):
    """ZeRO: optimizer state, gradients and, from stage 3 on, parameters are shared out; needs deepspeed and a GPU.

    Checkpoints are folders, and hold what is trained.

    Args:
        stage: 1 shares out the optimizer's state, 2 gradients too, 3 parameters too.
        offload_optimizer: keep the optimizer's state in main memory, and make its steps there.
        offload_parameters: keep parameters in main memory (stage 3).
        timeout_s: how long a process waits for the others.
    """

    def __init__(
        self,
        stage: Literal[1, 2, 3] = 2,
        offload_optimizer: bool = False,
        offload_parameters: bool = False,
        timeout_s: Seconds = PATIENCE_S,
    ) -> None:
        if offload_parameters and stage < 3:
            raise ValueError(f"offload_parameters needs stage 3, where parameters are shared out; stage is {stage}")
        if not find_spec("deepspeed"):
            raise ImportError("this strategy needs deepspeed: pip install 'celebbasis-ldm[deepspeed]'")
        super().__init__(
            stage=stage,
            offload_optimizer=offload_optimizer,
            offload_parameters=offload_parameters,
            exclude_frozen_parameters=True,
            logging_batch_size_per_gpu=1,  # read for DeepSpeed's own log only
            timeout=timedelta(seconds=timeout_s),
        )
        settings: Any = self.config
        settings["zero_force_ds_cpu_optimizer"] = False  # the config's optimizer is used, wherever its state lies

    def setup_environment(self) -> None:
        """Connect the processes.

        Raises:
            ValueError: the run has no CUDA device.
        """
        if self.root_device.type != "cuda":
            raise ValueError(
                "DeepSpeed needs a CUDA device, and this run uses the CPU; leave the strategy out, or take "
                "configs/strategy/ddp.yaml or fsdp.yaml"
            )
        super().setup_environment()

    def setup(self, trainer: pl.Trainer) -> None:
        """Hand the model to DeepSpeed, and tell it of the weights that a module reads of its child."""
        super().setup(trainer)
        if self.zero_stage_3:
            _tell_of_positions(self.lightning_module)

    @contextmanager
    def whole(self, module: nn.Module) -> Iterator[None]:
        """Inside the block every process holds all parameters, in stage 3 too."""
        import deepspeed

        with deepspeed.zero.GatheredParameters(list(module.parameters())):
            yield


def _tell_of_positions(module: nn.Module | None) -> None:
    """Have DeepSpeed gather position embeddings for the module around them: CLIP's asks how many rows they have."""
    import deepspeed

    for part in module.modules() if module is not None else ():
        if isinstance(positions := getattr(part, "position_embedding", None), nn.Embedding):
            deepspeed.zero.register_external_parameter(part, positions.weight)


class FullyShard(ModelParallelStrategy):
    """FSDP 2: the networks that are trained are cut up, with their gradients and their optimizer's state.

    What is trained outside of them (coefficients, token vectors) is small: each process holds it, as under ddp.

    Args:
        timeout_s: how long a process waits for the others.
    """

    def __init__(self, timeout_s: Seconds = PATIENCE_S) -> None:
        super().__init__(
            tensor_parallel_size=1, save_distributed_checkpoint=False, timeout=timedelta(seconds=timeout_s)
        )

    def setup_environment(self) -> None:
        """Connect the processes; Lightning will ask the model to cut itself up, and gets our answer."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()
        module: Any = self.lightning_module
        module.configure_model = partial(cut_up, module, self.device_mesh["data_parallel"])

    def post_backward(self, closure_loss: Tensor) -> None:
        """Average the gradients of what is not cut up. With accumulation this is done for every batch: it is linear."""
        super().post_backward(closure_loss)
        for parameter in _held_whole(self._own_module()):
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= self.world_size

    @contextmanager
    def whole(self, module: nn.Module) -> Iterator[None]:
        """Inside the block every process holds all parameters."""
        from torch.distributed.fsdp import FSDPModule

        parts = [part for part in module.modules() if isinstance(part, FSDPModule)]
        for part in parts:
            part.unshard()
        try:
            yield
        finally:
            for part in parts:
                part.reshard()

    def _own_module(self) -> nn.Module:
        module = self.lightning_module
        assert module is not None  # during a training
        return module


def cut_up(module: nn.Module, mesh: Any) -> None:
    """Share out the parameters of every network in ``module`` of which something is trained, block by block."""
    from torch.distributed.fsdp import fully_shard

    for network in _networks(module):
        if any(parameter.requires_grad for parameter in network.parameters()):
            blocks = set(network._no_split_modules or ())
            for part in reversed(list(network.modules())):  # the inner ones first
                if type(part).__name__ in blocks:
                    fully_shard(part, mesh=mesh)
            fully_shard(network, mesh=mesh)


def _networks(module: nn.Module) -> list[Any]:
    """The networks of diffusers and transformers in ``module``; they say which of their blocks belong together."""
    from diffusers import ModelMixin
    from transformers import PreTrainedModel

    if isinstance(module, ModelMixin | PreTrainedModel):
        return [module]
    return [network for child in module.children() for network in _networks(child)]


def _held_whole(module: nn.Module) -> list[nn.Parameter]:
    from torch.distributed.tensor import DTensor

    return [p for p in module.parameters() if p.requires_grad and not isinstance(p, DTensor)]
