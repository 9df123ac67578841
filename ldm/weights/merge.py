"""New models from old ones: averages, a LoRA put into the weights, and a LoRA taken out of a difference."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ldm.weights.lora_layers import Lora, LoraLayer
from ldm.weights.read import Parts

ALL = ("unet", "text_encoder", "vae")


@torch.no_grad()
def merge_models(first: Parts, second: Parts, alpha: float, without_vae: bool = False) -> None:
    """Make of ``first`` the average (1 - alpha) * first + alpha * second, in float32, each weight in its own type.

    Args:
        first: changed.
        second: of the same architecture.
        alpha: share of ``second``.
        without_vae: the first stage stays that of ``first``.

    Raises:
        ValueError: the models are not of the same architecture; the first differences are listed.
    """
    parts = ALL[:2] if without_vae else ALL
    require_same(first, second, parts)
    for _, ours, theirs in _pairs(first, second, parts):
        ours.data = torch.lerp(ours.float(), theirs.float(), alpha).to(ours.dtype)


def require_same(first: Parts, second: Parts, parts: tuple[str, ...] = ALL) -> None:
    """Nothing, if the networks of both models have weights of the same names and shapes.

    Raises:
        ValueError: they do not; the first differences are listed.
    """
    told = []
    for part in parts:
        ours, theirs = (model.networks()[part].state_dict() for model in (first, second))
        for name in sorted(ours.keys() | theirs.keys()):
            shapes = [tuple(state[name].shape) if name in state else "missing" for state in (ours, theirs)]
            if shapes[0] != shapes[1]:
                told.append(f"{part}.{name}: {shapes[0]} and {shapes[1]}")
    if told:
        raise ValueError(
            f"{first.folder} and {second.folder} are of different architectures: {len(told)} weights differ in "
            "shape or are in one of them only\n  " + "\n  ".join(told[:4] + ["..."] * (len(told) > 4))
        )


def _pairs(first: Parts, second: Parts, parts: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    for part in parts:
        theirs = dict(second.networks()[part].named_parameters())
        for name, parameter in first.networks()[part].named_parameters():
            yield f"{part}.{name}", parameter, theirs[name]


@torch.no_grad()
def merge_lora(model: Parts, lora: Lora, scale: float = 1.0) -> None:
    """Put a LoRA into the weights of ``model``: W + scale * alpha / rank * B A; of a DoRA, so much of the way.

    Raises:
        ValueError: the model lacks layers that the LoRA changes, or has them in other sizes; they are listed.
    """
    weights = _weights(model)
    faults = []
    for name, layer in lora.layers.items():
        shape = layer.shape
        if name not in weights:
            faults.append(f"{name}: not in the model")
        elif weights[name].shape != shape:
            faults.append(f"{name}: {shape} in the LoRA, {tuple(weights[name].shape)} in the model")
    if faults:
        raise ValueError(
            f"the LoRA is of another base model than {model.folder}: {len(faults)} of its {len(lora.layers)} layers do "
            "not fit\n  " + "\n  ".join(faults[:4] + ["..."] * (len(faults) > 4))
        )
    for name, layer in lora.layers.items():
        weight = weights[name]
        weight.data = layer.changed(weight, scale).to(weight.dtype)


def _weights(model: Parts) -> dict[str, Any]:
    """The weights that a LoRA may change, by ``unet.LAYER`` and ``text_encoder.LAYER``."""
    return {
        f"{part}.{name}": module.weight
        for part in ("unet", "text_encoder")
        for name, module in model.networks()[part].named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)
    }


@torch.no_grad()
def extract_lora(base: Parts, tuned: Parts, rank: int) -> tuple[Lora, float]:
    """The LoRA of ``rank`` that comes closest to what training changed, and the share of the change that it holds.

    Each layer's difference is cut off after its ``rank`` largest singular values (Eckart and Young 1936). The share is
    of the sum of squares over all layers. Changes of biases and norms have no place in a LoRA.

    Raises:
        ValueError: the models are of different architectures, or nothing was changed that a LoRA can hold.
    """
    require_same(base, tuned, ALL[:2])
    before, layers, whole, kept = _weights(base), {}, 0.0, 0.0
    for name, weight in _weights(tuned).items():
        change = weight.float() - before[name].float()
        total = float(change.square().sum())
        if not total:
            continue
        layers[name], share = low_rank(change, rank)
        whole, kept = whole + total, kept + share
    if not layers:
        raise ValueError(f"{tuned.folder} has the same layers as {base.folder}, number by number: nothing to extract")
    return Lora(layers, {"ss_base_model": base.folder.name, "ss_tuned_model": tuned.folder.name}), kept / whole


def low_rank(change: Tensor, rank: int) -> tuple[LoraLayer, float]:
    """The layer of at most ``rank`` directions nearest to ``change`` (out, in, ...), and its sum of squares."""
    left, values, right = torch.linalg.svd(change.flatten(1), full_matrices=False)
    rank = min(rank, len(values))
    root = values[:rank].sqrt()
    down = (root[:, None] * right[:rank]).view(rank, *change.shape[1:])
    up = (left[:, :rank] * root).view(change.shape[0], rank, *(1 for _ in change.shape[2:]))
    return LoraLayer(down.contiguous(), up.contiguous(), float(rank)), float(values[:rank].square().sum())
