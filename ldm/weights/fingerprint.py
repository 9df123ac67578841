"""A word that stands for weights: results of other weights are never counted together with theirs."""

import hashlib
from pathlib import Path

from ldm.weights.read import PARTS, find_model


def fingerprint(sd: Path) -> str:
    """16 hex digits for the weights in the file or folder ``sd``, or of that name on the hub.

    Raises:
        FileNotFoundError: there is no such model, or its folder holds no weights.
    """
    place = find_model(sd)
    if not (files := [place] if place.is_file() else _weights_in(place)):
        raise FileNotFoundError(f"{place} holds no weights, neither .safetensors nor .bin")
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _weights_in(folder: Path) -> list[Path]:
    """The safetensors of a diffusers folder, and the pickles of those parts that have none."""
    files = sorted(folder.glob("*/*.safetensors"))
    known = {file.parent.name for file in files}
    return files + [file for part in PARTS if part not in known for file in sorted((folder / part).glob("*.bin"))]
