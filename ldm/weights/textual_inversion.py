"""A person as token vectors, in the forms that other programs read.

- AUTOMATIC1111 and its kin: a ``.pt`` whose file name is what one writes in the prompt;
- diffusers: a ``.safetensors`` of one tensor, named by its token, for ``pipe.load_textual_inversion(file)``;
- kohya, ComfyUI and others: a ``.safetensors`` with the tensor ``emb_params``.

A token stands in brackets, ``<sks>``: a bare word would be cut out of the midst of others ("asks") by a plain pipeline,
and ``ks`` out of ``ks_1``, the name of its own second vector.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ldm.files import atomic_path

ANY_TOKEN = 265
"""The id of "*" in CLIP, under which A1111 keeps the vectors; nobody reads it."""


def token_of(name: str) -> str:
    """``<ann-lee>`` for "Ann Lee": lower case, as CLIP reads prompts, and without spaces.

    Raises:
        ValueError: the name has no letters or digits, or signs that no file name should have.
    """
    word = "-".join(name.lower().split())
    if not re.fullmatch(r"\w[\w-]*", word):
        raise ValueError(f"{name!r} is no name for a token: use letters, digits, '-' and '_'")
    return f"<{word}>"


def tokens_of(names: Sequence[str], num_people: int) -> list[str]:
    """A token for each of ``num_people``.

    Raises:
        ValueError: there are more or fewer names, or two give the same token.
    """
    if len(names) != num_people:
        raise ValueError(f"{len(names)} names for {num_people} people: {', '.join(names)}")
    tokens = [token_of(name) for name in names]
    if twice := [token for token in tokens if tokens.count(token) > 1]:
        raise ValueError(f"two people would be called {twice[0]}: give each a name of its own")
    return tokens


def write_a1111(path: Path, token: str, vectors: Tensor, step: int, model: str) -> Path:
    """AUTOMATIC1111's form of ``vectors`` (E, D), learned in ``step`` + 1 steps on ``model``."""
    content = {
        "string_to_token": {"*": ANY_TOKEN},
        "string_to_param": {"*": _plain(vectors)},
        "name": token,
        "step": step,
        "sd_checkpoint": None,
        "sd_checkpoint_name": model,
    }
    return write_pt(path, content)


def write_diffusers(path: Path, token: str, vectors: Tensor, metadata: Mapping[str, str]) -> Path:
    """Diffusers' form of ``vectors`` (E, D)."""
    return _write_safetensors(path, {token: vectors}, metadata)


def write_emb_params(path: Path, vectors: Tensor, metadata: Mapping[str, str]) -> Path:
    """The form of kohya's trainer of ``vectors`` (E, D)."""
    return _write_safetensors(path, {"emb_params": vectors}, metadata)


def write_pt(path: Path, content: Any) -> Path:
    """A ``.pt`` of tensors, lists and words, atomically."""
    with atomic_path(path) as temporary:
        torch.save(content, temporary)
    return path


def _write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Path:
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        save_file({name: _plain(tensor) for name, tensor in tensors.items()}, temporary, dict(metadata))
    return path


def _plain(tensor: Tensor) -> Tensor:
    """A tensor of its own memory: a view would be saved with all that it looks at."""
    return tensor.detach().float().cpu().clone().contiguous()
