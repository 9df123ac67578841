"""What a file of weights says about itself: ModelSpec, and the hashes that other programs know it by.

Source: Stability-AI/ModelSpec 1.0.1; the ``sshs`` hashes are those of kohya's trainer.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from torch import Tensor

from ldm.files import atomic_path

ARCHITECTURES = {768: "stable-diffusion-v1", 1024: "stable-diffusion-v2-768-v"}
"""ModelSpec's words, by the width of the text that the UNet attends to; other models are of our own making."""

SIDES_PX = {768: 512, 1024: 768}
"""Sides of the pictures of these models."""

CHUNK = 1 << 20


def modelspec(
    title: str, width: int, kind: Literal["", "/lora", "/textual-inversion"] = "", size_px: int | None = None
) -> dict[str, str]:
    """The fields that ModelSpec wants.

    Args:
        title: what to call it.
        width: of the text that the UNet attends to, D.
        kind: what the file is, if not a whole model.
        size_px: side of a picture; None: as large as those of Stable Diffusion, or unknown for a model of our own.
    """
    side = size_px or SIDES_PX.get(width)
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": ARCHITECTURES.get(width, f"latent-diffusion-{width}") + kind,
        "modelspec.implementation": "diffusers" if kind == "/lora" else "stable-diffusion",
        "modelspec.title": title,
        **({"modelspec.resolution": f"{side}x{side}"} if side else {}),
        "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Path:
    """Write ``tensors``, atomically. Where ``metadata`` has ModelSpec's fields, the tensors' hash stands among them.

    The hash is of what follows the header, so the file is written first and the header's zeros are filled in.
    """
    from safetensors.torch import save_file

    told = dict(metadata) | ({"modelspec.hash_sha256": EMPTY} if "modelspec.title" in metadata else {})
    if "ss_network_module" in metadata:
        told |= {"sshs_model_hash": EMPTY[2:], "sshs_legacy_hash": LEGACY}
    with atomic_path(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, told)
        _fill_in(temporary)
    return path


EMPTY = "0x" + "0" * 64
LEGACY = "0" * 8


def _fill_in(path: Path) -> None:
    """Put the hashes in the place of the zeros: the header stays as long as it was."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = file.read(size)
        found = tensor_hash(path)
        filled = header.replace(EMPTY.encode(), f"0x{found}".encode())
        filled = filled.replace(f'"{EMPTY[2:]}"'.encode(), f'"{found}"'.encode())
        filled = filled.replace(f'"{LEGACY}"'.encode(), f'"{legacy_hash(path)}"'.encode())
        file.seek(8)
        file.write(filled)


def tensor_hash(path: Path) -> str:
    """SHA-256 of a .safetensors without its header: it stays when the metadata change."""
    with path.open("rb") as file:
        file.seek(8 + int.from_bytes(file.read(8), "little"))
        return _sha256(file)


def file_hash(path: Path) -> str:
    """SHA-256 of a file; its first ten digits are what AUTOMATIC1111 shows."""
    with path.open("rb") as file:
        return _sha256(file)


def legacy_hash(path: Path) -> str:
    """The older short hash: of 64 KiB after the first MiB. Many small files have that of nothing."""
    with path.open("rb") as file:
        file.seek(0x100000)
        return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(CHUNK):
        digest.update(block)
    return digest.hexdigest()
