"""Tell what this machine has: versions, devices, memory, weights."""

import importlib.util
import json
import netrc
import os
import platform
import re
import shutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).resolve().parents[2]
GIB = 1024**3


def doctor_env(
    weights: Annotated[Path, typer.Option(help="Folder in which weights are looked for.")] = Path("weights"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Tell what this machine has: Python, packages, devices, memory, disk, weights, W&B.

    Exit code 1 if a package that is needed is missing or has a version that was not meant.
    """
    report = examine(weights)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        _print(report)
    if report["problems"]:
        raise typer.Exit(1)


def examine(weights: Path) -> dict[str, Any]:
    """All that is known, ready for JSON; ``problems`` lists what must be mended, one line each."""
    packages = [package for line in requirements() if (package := _package(line))]
    problems = [
        f"{package['name']} {package['found'] or 'is missing'}; {package['wanted'] or 'any version'} is wanted"
        for package in packages
        if package["required"] and package["state"] != "ok"
    ]
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        problems.insert(0, f"Python {platform.python_version()}; 3.11 or 3.12 is wanted")
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": packages,
        "devices": devices(),
        "memory": _memory(),
        "weights": find_weights(weights),
        "wandb": wandb_state(),
        "problems": problems,
    }


def requirements() -> list[str]:
    """The packages that pyproject.toml asks for, as it writes them; those of an extra end in its marker."""
    if (file := ROOT / "pyproject.toml").is_file():
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        extras = project.get("optional-dependencies", {})
        needed: list[str] = project["dependencies"]
        return needed + [f"{line}; extra == '{name}'" for name in extras for line in extras[name]]
    return metadata.requires("celebbasis-ldm") or []


def _package(line: str) -> dict[str, Any] | None:
    from packaging.requirements import Requirement

    wanted = Requirement(line)
    if wanted.name == "celebbasis-ldm":  # an extra that takes in another
        return None
    extra = re.search(r"extra == ['\"]([^'\"]+)", line)
    try:
        found = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        found = None
    fits = found is not None and wanted.specifier.contains(found, prereleases=True)
    return {
        "name": wanted.name,
        "wanted": str(wanted.specifier),
        "found": found,
        "required": extra is None,
        "extra": extra[1] if extra else None,
        "state": "ok" if fits else "missing" if found is None else "out of range",
    }


def devices() -> dict[str, Any]:
    """CPU, CUDA and MPS: what a run can use, and whether bf16 is computed there rather than emulated."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cpu = {"cores": os.cpu_count(), "usable": usable, "bf16": _cpu_has_bf16()}
    if importlib.util.find_spec("torch") is None:
        return {"cpu": cpu, "cuda": [], "mps": False}
    import torch

    cards = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return {
        "cpu": cpu | {"threads": torch.get_num_threads()},
        "cuda": [
            {"name": card.name, "memory_gib": round(card.total_memory / GIB, 1), "bf16": card.major >= 8}
            for card in cards
        ],
        "mps": torch.backends.mps.is_available(),
    }


def _cpu_has_bf16() -> bool | None:
    """Whether the processor multiplies bf16 itself; None where that cannot be read."""
    file = Path("/proc/cpuinfo")
    return bool(re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", file.read_text())) if file.is_file() else None


def _memory() -> dict[str, float]:
    free_disk = round(shutil.disk_usage(Path.cwd()).free / GIB, 1)
    if importlib.util.find_spec("psutil") is None:
        return {"free_disk_gib": free_disk}
    import psutil

    memory = psutil.virtual_memory()
    return {
        "total_gib": round(memory.total / GIB, 1),
        "available_gib": round(memory.available / GIB, 1),
        "free_disk_gib": free_disk,
    }


def find_weights(folder: Path) -> list[dict[str, str]]:
    """Diffusers folders, checkpoints, insightface packs and the published face net below ``folder``."""
    kinds = {
        "diffusers folder": [path.parent for path in folder.glob("*/model_index.json")],
        "checkpoint": [*folder.glob("*.ckpt"), *folder.glob("*.safetensors")],
        "insightface pack": [path for path in folder.glob("insightface/models/*") if any(path.glob("*.onnx"))],
        "face net of the paper": list(folder.glob("**/backbone.pth")),
    }
    return [{"kind": kind, "path": path.as_posix()} for kind, paths in kinds.items() for path in sorted(paths)]


def wandb_state() -> str:
    """Whether runs can be sent to Weights & Biases. Only the presence of a key is looked at, never the key."""
    if importlib.util.find_spec("wandb") is None:
        return "not installed"
    if os.environ.get("WANDB_MODE") in ("offline", "disabled"):
        return f"{os.environ['WANDB_MODE']} (WANDB_MODE)"
    host = re.sub(r"^https?://|/.*$", "", os.environ.get("WANDB_BASE_URL", "api.wandb.ai"))
    try:
        known = (
            bool(os.environ.get("WANDB_API_KEY"))
            or netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
        )
    except (OSError, netrc.NetrcParseError):
        known = False
    return "logged in" if known else "not logged in: runs stay offline (wandb login)"


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    packages = Table("package", "wanted", "found", "", title=f"Python {report['python']} on {report['system']}")
    colours = {"ok": "green", "missing": "red", "out of range": "red"}
    for one in report["packages"]:
        colour = colours[one["state"]] if one["required"] or one["state"] != "missing" else "dim"
        state = f"{one['state']} ({one['extra']})" if one["extra"] else one["state"]
        packages.add_row(one["name"], one["wanted"], one["found"] or "-", f"[{colour}]{state}[/]")
    console.print(packages)
    machine = Table("", "", title="Machine", show_header=False)
    for name, value in _machine(report):
        machine.add_row(name, value)
    console.print(machine)
    for problem in report["problems"]:
        console.print(f"[red]mend: {problem}[/]  ->  make setup", highlight=False)


def _machine(report: dict[str, Any]) -> list[tuple[str, str]]:
    cpu, memory = report["devices"]["cpu"], report["memory"]
    bf16 = {True: "bf16", False: "no bf16", None: "bf16 unknown"}
    cores = f"{cpu['usable']} of {cpu['cores']} cores usable, {cpu.get('threads', '?')} threads, {bf16[cpu['bf16']]}"
    cards = [f"{card['name']}, {card['memory_gib']} GiB, {bf16[card['bf16']]}" for card in report["devices"]["cuda"]]
    return [
        ("CPU", cores),
        ("CUDA", "\n".join(cards) or "none"),
        ("MPS", "yes" if report["devices"]["mps"] else "none"),
        ("memory", f"{memory.get('available_gib', '?')} of {memory.get('total_gib', '?')} GiB available"),
        ("disk", f"{memory['free_disk_gib']} GiB free here"),
        ("weights", "\n".join(f"{one['path']} ({one['kind']})" for one in report["weights"]) or "none found"),
        ("W&B", report["wandb"]),
    ]
