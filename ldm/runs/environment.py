"""What a run was made with: versions, commit, command line. Kept beside its configs."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

PACKAGES = (
    "pytorch-lightning",
    "diffusers",
    "transformers",
    "tokenizers",
    "peft",
    "accelerate",
    "safetensors",
    "numpy",
    "scikit-learn",
    "onnxruntime",
    "pillow",
    "omegaconf",
    "wandb",
)


def environment(seed: int, command: Sequence[str] | None = None) -> dict[str, Any]:
    """The effective versions, the commit, the command line and the seed, ready for JSON."""
    return {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": list(command if command is not None else sys.argv),
        "seed": seed,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        # PyPI's torch hides its build in its metadata: 2.13.0 there is 2.13.0+cu130 here.
        "packages": {"torch": torch.__version__} | {name: found for name in PACKAGES if (found := _version(name))},
        "commit": commit(Path(__file__).resolve().parents[2]),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def commit(folder: Path) -> str | None:
    """The git commit of the checkout at ``folder``, with "+changes" if files differ; None where there is none."""
    try:
        found = _git(folder, "rev-parse", "HEAD")
        return found + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
