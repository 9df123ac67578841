"""Which files of a run are whole: a manifest of sizes and hashes, written after the files themselves."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict

from ldm.files import write_json

MANIFEST = "manifest.json"


class Entry(TypedDict):
    """What a file was when it had been written."""

    size: int
    sha256: str


def entry_of(path: Path) -> Entry:
    """The file as it is now."""
    with path.open("rb") as file:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def read_manifest(folder: Path) -> dict[str, Entry]:
    """File name -> entry; empty where there is no manifest.

    Raises:
        ValueError: the manifest is not JSON; the message names it.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        entries: dict[str, Entry] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged ({error}); without it nothing tells whether the run's files are"
        ) from error
    return entries


def seal(folder: Path, files: Iterable[Path], renamed: Mapping[str, str] | None = None) -> None:
    """Enter ``files`` into the folder's manifest, as they are now; folders among them are left out.

    Args:
        folder: where the files and the manifest lie.
        files: what was written.
        renamed: new name -> old name of files that were moved aside before ``files`` were written.
    """
    old = read_manifest(folder)
    moved = {new: old[name] for new, name in (renamed or {}).items() if name in old}
    entries = old | moved | {path.name: entry_of(path) for path in files if path.is_file()}
    write_json(folder / MANIFEST, {name: entries[name] for name in sorted(entries) if (folder / name).exists()})


def fault(path: Path) -> str | None:
    """What is wrong with ``path``: missing, cut off, changed. None: nothing, or there is no manifest that could tell.

    A file is whole when the manifest knows its contents, under whatever name: between a checkpoint's new name and the
    manifest that tells of it lies a moment in which the power may fail.
    """
    if not path.exists():
        return "it is missing"
    entries = read_manifest(path.parent)
    if not entries or path.is_dir():
        return None
    size = path.stat().st_size
    if all(entry["size"] != size for entry in entries.values()):
        return f"it has {size:,} bytes; the manifest knows no such file"
    if entry_of(path) not in entries.values():
        return "its contents are not those the manifest knows (SHA-256)"
    return None
