"""The tensors of a file of weights, whatever its layout. They are mapped from the disk and read when they are used."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ldm.weights.pickles import read_pickle

SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")


@dataclass(frozen=True)
class TensorFile:
    """What a file of weights holds.

    Attributes:
        path: the file.
        tensors: by name; of a checkpoint those of its ``state_dict``.
        metadata: of a .safetensors.
        content: all of a pickled file; empty for a .safetensors.
    """

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)
    content: Any = None


def read_tensors(path: Path) -> TensorFile:
    """The tensors in a ``.safetensors`` or a pickled file, told apart by their first bytes.

    Raises:
        FileNotFoundError: no such file; those of its kind beside it are named.
        ValueError: it is empty, truncated, damaged, something else, or a pickle that would run code.
    """
    _require_weights(path)
    if _is_safetensors(path):
        return _read_safetensors(path)
    if path.suffix == ".safetensors":
        raise ValueError(f"{path} is no .safetensors file, whatever its name says: if it is a pickle, call it .ckpt")
    content = read_pickle(path)
    inner = content
    while isinstance(inner, dict) and isinstance(inner.get("state_dict"), dict):
        inner = inner["state_dict"]
    return TensorFile(path, dict(_tensors(inner)), content=content)


def _tensors(content: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(content, Tensor):
        yield "", content
    for name, value in content.items() if isinstance(content, dict) else ():
        if isinstance(value, Tensor):
            yield str(name), value.detach()


def _read_safetensors(path: Path) -> TensorFile:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            return TensorFile(path, tensors, dict(file.metadata() or {}))
    except SafetensorError as error:
        size = path.stat().st_size
        raise ValueError(f"{path} ({size:,} bytes) is truncated or damaged: get it again ({error})") from error


def _is_safetensors(path: Path) -> bool:
    """Whether a header of JSON follows a length of eight bytes."""
    with path.open("rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 100_000_000


def _require_weights(path: Path) -> None:
    if path.is_dir():
        raise ValueError(f"{path} is a folder; a file of weights is needed here")
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix in SUFFIXES) if path.parent.is_dir() else []
        raise FileNotFoundError(f"there is no {path}" + (f"; beside it lie {', '.join(near)}" if near else ""))
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    if not start:
        raise ValueError(f"{path} is empty: get it again")
    if start.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} is a pointer of Git LFS and not the file itself: run `git lfs pull`, or download it")
    if start.startswith(b"<"):
        raise ValueError(f"{path} is a page of the web, not weights: the download needs a login or another address")
