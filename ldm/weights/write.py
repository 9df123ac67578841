"""A model's parts to a diffusers folder."""

import copy
import shutil
from pathlib import Path
from typing import Any

import torch

from ldm.files import write_json
from ldm.weights.create import model_index
from ldm.weights.read import DEFAULTS


def write_diffusers(
    folder: Path,
    *,
    unet: Any,
    vae: Any,
    text_encoder: Any,
    tokenizer: Any,
    scheduler: Any,
    beside: Path | None = None,
    dtype: torch.dtype = torch.float16,
    max_shard_size: str = "5GB",
) -> list[Path]:
    """Write a Stable Diffusion as a diffusers folder of safetensors; returns the weight files.

    Args:
        folder: where to.
        unet: and the other networks: written as copies of type ``dtype``; what is in memory stays as it is.
        vae: see ``unet``.
        text_encoder: see ``unet``.
        tokenizer: with vocab.json and merges.txt.
        scheduler: the training schedule.
        beside: the folder that the model came from; its defaults.yaml and vocabulary files come along.
        dtype: of the weights.
        max_shard_size: files are cut at this size.
    """
    for name, network in (("unet", unet), ("vae", vae), ("text_encoder", text_encoder)):
        target = folder / name
        for old in target.glob("*.safetensors*"):
            old.unlink()
        copied = copy.deepcopy(network).to(device="cpu", dtype=dtype)
        copied.save_pretrained(target, max_shard_size=max_shard_size)
    tokenizer.save_pretrained(folder / "tokenizer")
    scheduler.save_pretrained(folder / "scheduler")
    if beside is not None:
        for file in ("tokenizer/vocab.json", "tokenizer/merges.txt", DEFAULTS):
            if (beside / file).is_file() and (beside / file) != (folder / file):
                shutil.copyfile(beside / file, folder / file)
        names = beside / "names.txt"
        if names.is_file():
            shutil.copyfile(names, folder / "names.txt")
    write_json(folder / "model_index.json", model_index(type(scheduler).__name__))
    return sorted(folder.glob("*/*.safetensors"))
