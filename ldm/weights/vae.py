"""A VAE alone, in any of its forms."""

from pathlib import Path
from typing import Any

from ldm.weights.compvis import fill, state_of
from ldm.weights.family import VAE
from ldm.weights.folder import weight_files
from ldm.weights.tensors import read_tensors


def read_vae(source: Path, instead_of: Any) -> Any:
    """The VAE in a file (CompVis's names, with or without ``first_stage_model.``; diffusers'), or a folder.

    Args:
        source: the file, a diffusers folder of a whole model, or of a VAE alone.
        instead_of: the model's own: of the same architecture, and of the type that is wanted.

    Raises:
        FileNotFoundError: nothing there.
        ValueError: it is no VAE, or one of another architecture.
    """
    from accelerate import init_empty_weights

    file = source
    if source.is_dir():
        folder = source / "vae" if (source / "vae").is_dir() else source
        files = weight_files(folder)
        if len(files) != 1:
            raise FileNotFoundError(f"{folder} holds its weights in {len(files)} files: one with a whole VAE is needed")
        file = files[0]
    tensors = read_tensors(file).tensors
    if not any(name.startswith(("encoder.", VAE)) for name in tensors):
        raise ValueError(f"{source} is no VAE")
    if not any(name.startswith("encoder.down_blocks.") for name in tensors):
        inner = {name if name.startswith(VAE) else VAE + name: tensor for name, tensor in tensors.items()}
        tensors = state_of(inner, "vae", instead_of.config)
    with init_empty_weights(include_buffers=False):
        empty = type(instead_of).from_config(instead_of.config)
    return fill(empty.eval(), tensors, instead_of.dtype, str(source))
