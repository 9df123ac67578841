"""DeepSpeed without a GPU: Lightning's refusal is passed over, everything else is the real thing."""

import importlib
from typing import Any, Literal

import torch
from lightning_fabric.utilities.seed import reset_seed
from pytorch_lightning.strategies.strategy import Strategy

from ldm.runs.strategies import DeepSpeed


class DeepSpeedOnCpu(DeepSpeed):
    """The same on a CPU, with gloo between the processes."""

    def __init__(
        self,
        stage: Literal[1, 2, 3] = 2,
        offload_optimizer: bool = False,
        offload_parameters: bool = False,
        timeout_s: float = 120,
    ) -> None:
        super().__init__(stage, offload_optimizer, offload_parameters, timeout_s)
        self._process_group_backend = "gloo"

    @property
    def root_device(self) -> torch.device:
        return torch.device("cpu", 0)

    def setup_environment(self) -> None:
        self.setup_distributed()
        Strategy.setup_environment(self)

    def setup_distributed(self) -> None:
        connections: Any = importlib.import_module("deepspeed.comm.torch")
        connections.build_shm_op = lambda: None  # a faster all-reduce, which would be compiled for minutes first
        reset_seed()
        self.set_world_ranks()
        self._init_deepspeed_distributed()
