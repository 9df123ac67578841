"""A person as token vectors, in the forms that other programs read.

- AUTOMATIC1111 and its kin: a ``.pt`` whose file name is what one writes in the prompt;
- diffusers: a ``.safetensors`` of one tensor, named by its token, for ``pipe.load_textual_inversion(file)``;
- kohya, ComfyUI and others: a ``.safetensors`` with the tensor ``emb_params``.

A token stands in brackets, ``<sks>``: a bare word would be cut out of the midst of others ("asks") by a plain pipeline,
and ``ks`` out of ``ks_1``, the name of its own second vector.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ldm.files import atomic_path
from ldm.weights.family import family_of
from ldm.weights.modelspec import modelspec, write_safetensors
from ldm.weights.pickles import StandIn
from ldm.weights.tensors import read_tensors

ANY_TOKEN = 265
"""The id of "*" in CLIP, under which A1111 keeps the vectors; nobody reads it."""


@dataclass(frozen=True)
class Embedding:
    """A textual inversion.

    Attributes:
        token: what stands for it in a prompt, ``<sks>``.
        vectors: (E, D), of the file's type.
        step: of its training, counted from 0; 0 where the file does not say.
        model: what it was trained on; empty where the file does not say.
        metadata: of a .safetensors.
    """

    token: str
    vectors: Tensor
    step: int = 0
    model: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


def read_embedding(path: Path, token: str | None = None) -> Embedding:
    """The textual inversion in a file of any of the forms, or in a bare tensor (E, D).

    Args:
        path: the file.
        token: what to call it; None: as it calls itself, or as the file is called where that is no token.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no textual inversion, one of several words, or one for two text encoders; or neither its own
            name nor the file's can be a token.
    """
    file = read_tensors(path)
    family = family_of(file)
    content = file.content if isinstance(file.content, dict) else {}
    if family.kind != "embedding" or "XL" in family.words:
        raise ValueError(f"{path} is {family.words}; a textual inversion of Stable Diffusion 1.x or 2.x is needed here")
    vectors: Any = content.get("string_to_param", file.tensors)
    if isinstance(vectors, StandIn):  # torch's ParameterDict, as the first trainer of this kind saved it
        vectors = vectors.state["_parameters"]
    if len(vectors) != 1:
        raise ValueError(f"{path} holds {len(vectors)} words ({', '.join(vectors)}): one is needed")
    [(name, found)] = vectors.items()
    inner = content.get("name") or file.metadata.get("token") or ("" if name == "emb_params" else name)
    called = _called(path, str(inner)) if token is None else _bracketed(token)
    rows = found.detach().reshape(-1, found.shape[-1])
    model = str(content.get("sd_checkpoint_name") or file.metadata.get("model") or "")
    return Embedding(called, rows, int(content.get("step") or file.metadata.get("step") or 0), model, file.metadata)


def _called(path: Path, inner: str) -> str:
    """The token of the file ``path`` that calls itself ``inner``: of the first of both names that can be one."""
    for name in (inner, path.stem):
        with suppress(ValueError):
            return _bracketed(name)
    raise ValueError(
        f"{path}: neither {inner!r}, as it calls itself, nor {path.stem!r} can be a token: choose another by `convert "
        "embedding --token`, or rename the file: letters, digits, '-' and '_'"
    )


def _bracketed(name: str) -> str:
    return name if re.fullmatch(r"<\S+>", name) else token_of(name)


def write_embedding(path: Path, embedding: Embedding, form: str) -> Path:
    """Write in the form ``a1111``, ``diffusers`` or ``kohya``; the numbers stay bit by bit."""
    if form == "a1111":
        return write_a1111(path, embedding.token, embedding.vectors, embedding.step, embedding.model)
    width = int(embedding.vectors.shape[1])
    told = {"token": embedding.token, "step": str(embedding.step), "model": embedding.model}
    metadata = modelspec(path.stem, width, "/textual-inversion") | embedding.metadata | told
    if form == "kohya":
        return write_emb_params(path, embedding.vectors, metadata)
    return write_diffusers(path, embedding.token, embedding.vectors, metadata)


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
    return write_safetensors(path, {name: _plain(tensor) for name, tensor in tensors.items()}, metadata)


def _plain(tensor: Tensor) -> Tensor:
    """A tensor of its own memory: a view would be saved with all that it looks at."""
    return tensor.detach().cpu().clone().contiguous()
