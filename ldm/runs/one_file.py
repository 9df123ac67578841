"""A checkpoint that several processes wrote, as one file."""

from pathlib import Path
from typing import Any

import torch

from ldm.files import atomic_path

TAG = "checkpoint"
"""What Lightning calls the part of a DeepSpeed folder that holds the shards."""


def one_file(checkpoint: Path, out: Path) -> Path:
    """Write what was trained, from a checkpoint of any strategy, as ``{"state_dict": ...}`` in float32; gives ``out``.

    Only the trained parameters and the method's own state are written, no optimizer: it is a file to look into or to
    use elsewhere, not one to go on from.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: it is a folder, but not one that DeepSpeed wrote.
    """
    if not checkpoint.exists():
        raise FileNotFoundError(f"there is no checkpoint at {checkpoint}")
    state = _of_shards(checkpoint) if checkpoint.is_dir() else _of_file(checkpoint)
    with atomic_path(out) as temporary, temporary.open("wb") as file:
        torch.save({"state_dict": state}, file)
    return out


def _of_file(checkpoint: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    return state


def _of_shards(folder: Path) -> dict[str, Any]:
    if not (folder / TAG).is_dir():
        raise ValueError(f"{folder} is no checkpoint of DeepSpeed: it has no folder {TAG!r}")
    from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint

    merged = get_fp32_state_dict_from_zero_checkpoint(str(folder), TAG, exclude_frozen_parameters=True)
    return {name: tensor.clone() for name, tensor in merged.items()}
