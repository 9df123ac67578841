"""What a file or folder of weights is, for people to read."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from ldm.weights.compvis import AVERAGES
from ldm.weights.family import family_of
from ldm.weights.modelspec import file_hash, tensor_hash
from ldm.weights.read import PARTS, check_folder
from ldm.weights.tensors import read_tensors

LONGEST = 120
"""Signs of a metadata entry that are shown."""


def describe(path: Path, hashes: bool = True) -> dict[str, Any]:
    """Family, precision, numbers, metadata and hashes of a file, or of each weight file of a diffusers folder.

    Args:
        path: the file or folder.
        hashes: read every byte for them.

    Raises:
        FileNotFoundError: nothing there, or a folder that is no model.
        ValueError: it is damaged, or a pickle that would run code.
    """
    if path.is_dir():
        check_folder(path)
        kind = json.loads((path / "model_index.json").read_text(encoding="utf-8"))["_class_name"]
        files = sorted(file for part in PARTS for file in (path / part).glob("*.safetensors"))
        parts = {file.relative_to(path).as_posix(): describe(file, hashes) for file in files}
        return {"family": f"a diffusers folder ({kind})", "files": parts}
    file = read_tensors(path)
    content = file.content if isinstance(file.content, dict) else {}
    types = Counter({str(t.dtype).removeprefix("torch."): 0 for t in file.tensors.values()})
    for tensor in file.tensors.values():
        types[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
    told: dict[str, Any] = {
        "family": family_of(file).words,
        "bytes": path.stat().st_size,
        "tensors": len(file.tensors),
        "numbers": dict(types),
        "ema": any(name.startswith(AVERAGES) for name in file.tensors),
        "beside": sorted(str(key) for key in content if key != "state_dict" and str(key) not in file.tensors),
        "metadata": {key: value for key, value in sorted(file.metadata.items()) if key != "format"},
    }
    if hashes:
        told["sha256"] = file_hash(path)
        if file.content is None:
            told["sha256 of the tensors"] = tensor_hash(path)
    return told


def lines_of(told: dict[str, Any], indent: str = "") -> list[str]:
    """The same as lines; long entries are cut."""
    lines = []
    for key, value in told.items():
        if value in ({}, []):
            continue
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", *lines_of(value, indent + "  ")]
            continue
        shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        shown = ", ".join(value) if isinstance(value, list) else shown
        shown = {"True": "yes", "False": "no"}.get(shown, shown)
        lines.append(f"{indent}{key}: {shown if len(shown) <= LONGEST else shown[:LONGEST] + ' ...'}")
    return lines
