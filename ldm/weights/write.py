"""A model's parts to a diffusers folder."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch.distributed.fsdp import FSDPModule

from ldm.files import atomic_folder, write_json
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
    dtype: torch.dtype | None = torch.float16,
    max_shard_size: str = "5GB",
) -> list[Path]:
    """Write a Stable Diffusion as a diffusers folder of safetensors, whole or not at all; returns the weight files.

    Args:
        folder: where to; a model that is there is replaced, other files in it stay.
        unet: and the other networks: written as copies of type ``dtype``; what is in memory stays as it is.
        vae: see ``unet``.
        text_encoder: see ``unet``.
        tokenizer: with vocab.json and merges.txt.
        scheduler: the training schedule.
        beside: the folder that the model came from; its defaults.yaml and vocabulary files come along.
        dtype: of the weights; None keeps them as they are.
        max_shard_size: files are cut at this size.
    """
    with atomic_folder(folder, keep_others=True) as new:
        for name, network in (("unet", unet), ("vae", vae), ("text_encoder", text_encoder)):
            written = network if dtype is None else copied(network, dtype)
            written.save_pretrained(new / name, max_shard_size=max_shard_size)
            forget_place(new / name)
        tokenizer.save_pretrained(new / "tokenizer")
        scheduler.save_pretrained(new / "scheduler")
        for file in ("tokenizer/vocab.json", "tokenizer/merges.txt", DEFAULTS, "names.txt") if beside else ():
            if beside and (beside / file).is_file():
                shutil.copyfile(beside / file, new / file)
        write_json(new / "model_index.json", model_index(type(scheduler).__name__))
    return sorted(folder.glob("*/*.safetensors"))


def forget_place(folder: Path) -> None:
    """Take out of a written network's config the place that it was once read from: it says nothing to anybody else."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.pop("_name_or_path", None) is not None:
        write_json(folder / "config.json", config)


def copied(network: Any, dtype: torch.dtype) -> Any:
    """``network`` on the CPU in ``dtype``, without gradients; moved tensor by tensor, nothing is doubled elsewhere."""
    known: dict[int, torch.Tensor] = {}
    for tensor in (*network.parameters(), *network.buffers()):
        wanted = dtype if tensor.is_floating_point() else tensor.dtype
        moved = tensor.detach().to("cpu", wanted)
        known[id(tensor)] = (
            torch.nn.Parameter(moved, requires_grad=False) if isinstance(tensor, torch.nn.Parameter) else moved
        )
    if isinstance(network, FSDPModule):
        return _rebuilt(network, known)
    return copy.deepcopy(network, known)


def _rebuilt(network: Any, known: dict[int, torch.Tensor]) -> Any:
    """``network`` made anew around ``known``, its tensors by their ids: what FSDP has cut up cannot be copied."""
    plain: Any = next(kind for kind in type(network).__mro__[1:] if not issubclass(kind, FSDPModule))
    with torch.device("meta"):
        new: Any = plain.from_config(network.config) if hasattr(plain, "from_config") else plain(network.config)
    kept = new.state_dict().keys()
    tensors = dict((*network.named_parameters(), *network.named_buffers()))
    new.load_state_dict({name: known[id(tensor)] for name, tensor in tensors.items() if name in kept}, assign=True)
    return new


def write_network(folder: Path, network: Any, dtype: torch.dtype = torch.float16) -> list[Path]:
    """Write one network of diffusers as a folder of its config and weights, whole or not at all; its weight files."""
    with atomic_folder(folder) as new:
        copied(network, dtype).save_pretrained(new)
        forget_place(new)
    return sorted(folder.glob("*.safetensors"))
