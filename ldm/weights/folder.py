"""The networks in a diffusers folder, of which every weight is the file's."""

import os
from pathlib import Path
from typing import Any

import torch

from ldm.weights.compvis import require_none
from ldm.weights.tensors import read_tensors


def read_folder(folder: Path, dtype: torch.dtype | None, ema: bool) -> dict[str, Any]:
    """The networks in a diffusers folder.

    Raises:
        ValueError: averaged weights are wanted, or weights are missing, unknown or of another shape.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel

    _without_bars()
    if ema:
        raise ValueError(f"{folder} is a folder with one set of weights: only a single file holds averages (EMA) too")
    kinds = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}
    return {name: _whole(kind, folder / name, dtype or stored_dtype(folder / name)) for name, kind in kinds.items()}


def _without_bars() -> None:
    """No progress bar over the shards of a network, unless the user wants bars: diffusers looks at no variable."""
    from diffusers.utils import logging

    if os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "0") not in ("0", ""):
        logging.disable_progress_bar()


def stored_dtype(folder: Path) -> torch.dtype:
    """The type of the weights in a network's folder: that of the first file's first.

    Raises:
        FileNotFoundError: it holds no weights.
    """
    return next(iter(read_tensors(weight_files(folder)[0]).tensors.values())).dtype


def weight_files(folder: Path) -> list[Path]:
    """The files that the libraries read of a network's folder, which may hold others: halves, averages, pickles.

    Raises:
        FileNotFoundError: it holds no weights, or none by the names that the libraries look for.
    """
    variant = variant_of(folder)
    for suffix in (".safetensors", ".bin"):
        files = sorted(folder.glob(f"*{suffix}"))
        if read := [file for file in files if (".fp16" in file.name if variant else "." not in file.stem)]:
            return read
    raise FileNotFoundError(
        f"{folder} holds no weights by a name that diffusers and transformers look for, like "
        "diffusion_pytorch_model.safetensors or model.safetensors: rename them"
    )


def _whole(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    """The network in ``folder``, of which every weight is the file's; the libraries would draw what is missing.

    Raises:
        FileNotFoundError: it holds no weights.
        ValueError: weights are missing, unknown or of another shape, or the file is damaged.
    """
    from safetensors import SafetensorError

    options: dict[str, Any] = {"local_files_only": True, "output_loading_info": True, "ignore_mismatched_sizes": True}
    options |= {"dtype" if kind.__name__ == "CLIPTextModel" else "torch_dtype": dtype, "variant": variant_of(folder)}
    try:
        network, info = kind.from_pretrained(folder, **options)
    except (SafetensorError, OSError) as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        raise ValueError(f"the weights in {folder} are truncated or damaged: get them again ({reason})") from error
    shapes = [f"{name} {tuple(file)} instead of {tuple(model)}" for name, file, model in info["mismatched_keys"]]
    wrong = {"missing": info["missing_keys"], "unknown": info["unexpected_keys"], "of another shape": shapes}
    require_none(wrong, f"the weights in {folder} are not those of its config.json")
    return network


def variant_of(folder: Path) -> str | None:
    """``fp16`` where a folder of the hub holds only the half-precision files of a network.

    Raises:
        FileNotFoundError: it holds no weights at all.
    """
    names = [path.name for pattern in ("*.safetensors*", "*.bin*") for path in folder.glob(pattern)]
    if not names:
        raise FileNotFoundError(f"{folder} holds no weights, neither .safetensors nor .bin")
    return "fp16" if all(".fp16" in name for name in names) else None
