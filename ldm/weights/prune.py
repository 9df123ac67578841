"""A single file without what only its training needed."""

from pathlib import Path

import torch

from ldm.files import atomic_path
from ldm.weights.compvis import AVERAGES, average_of
from ldm.weights.modelspec import write_safetensors
from ldm.weights.tensors import TensorFile, read_tensors


def prune(source: Path, out: Path, half: bool = False, ema: bool = False) -> tuple[int, int]:
    """Write the weights of ``source`` and nothing else; how many tensors it had, and has.

    Optimizer, callbacks and counters go, and of two sets of weights one: the averages (EMA) or the plain ones.

    Args:
        source: a .ckpt or .safetensors of any family.
        out: .safetensors or .ckpt.
        half: numbers in float16.
        ema: keep the averages, under the names of the plain weights.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, holds no weights or no averages, or is a pickle that would run code.
    """
    if out.suffix not in (".safetensors", ".ckpt"):
        raise ValueError(f"{out}: give OUT a name that ends in .safetensors or .ckpt")
    file = read_tensors(source)
    if not file.tensors:
        raise ValueError(f"{source} holds no weights")
    tensors = _kept(file, ema)
    if half:
        tensors = {name: t.to(torch.float16) if t.is_floating_point() else t for name, t in tensors.items()}
    if out.suffix == ".safetensors":
        write_safetensors(out, tensors, file.metadata or {"format": "pt"})
    else:
        with atomic_path(out) as temporary:
            torch.save({"state_dict": {name: tensor.clone() for name, tensor in tensors.items()}}, temporary)
    return len(file.tensors), len(tensors)


def _kept(file: TensorFile, ema: bool) -> dict[str, torch.Tensor]:
    if ema and not any(name.startswith(AVERAGES) for name in file.tensors):
        raise ValueError(f"{file.path} holds no averaged weights (EMA): take the plain ones")
    plain = {name: tensor for name, tensor in file.tensors.items() if not name.startswith("model_ema.")}
    return {name: file.tensors.get(average_of(name), tensor) for name, tensor in plain.items()} if ema else plain
