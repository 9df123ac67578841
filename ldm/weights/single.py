"""Writing a Stable Diffusion, as a single file or as a folder: told by the name."""

from pathlib import Path
from typing import Any

import torch

from ldm.files import atomic_path
from ldm.weights.compvis_names import to_compvis
from ldm.weights.modelspec import modelspec, write_safetensors
from ldm.weights.read import Parts
from ldm.weights.write import write_diffusers

SINGLE = (".safetensors", ".ckpt")


def write_model(out: Path, parts: Parts, dtype: torch.dtype | None = None) -> Path:
    """Write all parts of a model to a single file (.safetensors, .ckpt) or, by any other name, to a diffusers folder.

    Args:
        out: where to.
        parts: the model; a single file has no room for its tokenizer and scheduler.
        dtype: of the weights; None keeps each as it is.

    Raises:
        ValueError: a single file cannot hold the model.
    """
    if out.suffix in SINGLE:
        return _write_single(out, parts, dtype)
    if out.suffix:
        raise ValueError(f"{out}: a model is written to NAME.safetensors, NAME.ckpt or a folder")
    own: dict[str, Any] = {**parts.networks(), "tokenizer": parts.tokenizer, "scheduler": parts.scheduler}
    write_diffusers(out, **own, beside=parts.beside, dtype=dtype)
    return out


def _write_single(out: Path, parts: Parts, dtype: torch.dtype | None) -> Path:
    state = {name: tensor.detach().to(dtype or tensor.dtype) for name, tensor in to_compvis(parts.networks()).items()}
    if out.suffix == ".safetensors":
        width = int(parts.unet.config.cross_attention_dim)
        return write_safetensors(out, state, modelspec(out.stem, width, size_px=parts.sample_size_px))
    with atomic_path(out) as temporary:
        torch.save({"state_dict": {name: tensor.clone() for name, tensor in state.items()}}, temporary)
    return out
