"""The processes of one run: which of them this is, and how they agree on the run's folder."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "LDM_RUN_FOLDER"
"""Tells the further processes of a run which folder the first one made: Lightning starts them with its environment."""

PATIENCE = timedelta(minutes=5)
"""How long the further processes wait for the first one to make the folder."""

_stores: list[Any] = []  # kept open: PyTorch's own meeting point uses the same port, and finds it again


def process_rank() -> int:
    """Which process of a distributed run this is; 0 where there is only one."""
    return int(_first_of("RANK", "SLURM_PROCID", "LOCAL_RANK") or 0)


def agree_on_folder(made: Path | None = None) -> Path:
    """The folder that the first process made, in every process.

    Where torchrun or SLURM started the processes, the first one tells the others through PyTorch's meeting point.

    Args:
        made: in the first process, the folder.

    Raises:
        RuntimeError: this is a further process and cannot ask the first one.
    """
    if made is None and (given := os.environ.get(FOLDER_VARIABLE)):
        return Path(given)
    store = _meeting_point()
    if made is not None:
        if store:
            store.set(FOLDER_VARIABLE, str(made.resolve()))
        return made
    if store is None:
        raise RuntimeError(
            f"process {process_rank()} does not know the run's folder: let Lightning start the processes "
            f"(lightning.trainer.devices=...), start them with torchrun or srun, or set {FOLDER_VARIABLE} to the same "
            "path for all of them"
        )
    return Path(store.get(FOLDER_VARIABLE).decode())


def _meeting_point() -> Any:
    """A store that all processes of a launcher share; None where no launcher started several."""
    processes = int(_first_of("WORLD_SIZE", "SLURM_NTASKS") or 1)
    if processes == 1:
        return None
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
    from torch.distributed import PrefixStore  # type: ignore[attr-defined]
    from torch.distributed.rendezvous import rendezvous

    launcher = next((kind() for kind in (TorchElasticEnvironment, SLURMEnvironment) if kind.detect()), None)
    if launcher is None:
        return None
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = launcher.main_address, str(launcher.main_port)
    place = f"env://?rank={process_rank()}&world_size={processes}"
    store, _, _ = next(rendezvous(place, timeout=PATIENCE))
    _stores.append(store)
    return PrefixStore("ldm", store)


def _first_of(*names: str) -> str | None:
    return next((value for name in names if (value := os.environ.get(name))), None)
