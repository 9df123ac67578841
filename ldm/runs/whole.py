"""Which files of a run are whole: a manifest of sizes and hashes, written after the files themselves."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict

from ldm.files import write_json

MANIFEST = "manifest.json"


class Entry(TypedDict):
    """What a file was when it had been written; a folder counts as the list of its files."""

    size: int
    sha256: str


def entry_of(path: Path) -> Entry:
    """The file as it is now; of a folder, all its bytes, and the hash of its files' names and hashes."""
    if path.is_dir():
        inner = {file.relative_to(path).as_posix(): entry_of(file) for file in path.rglob("*") if file.is_file()}
        listed = "".join(f"{inner[name]['sha256']}  {name}\n" for name in sorted(inner))
        return {
            "size": sum(entry["size"] for entry in inner.values()),
            "sha256": hashlib.sha256(listed.encode()).hexdigest(),
        }
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
            f"{path} is damaged ({error}), so nothing tells whether the run's files are; remove it to go on unchecked"
        ) from error
    return entries


def seal(folder: Path, files: Iterable[Path], renamed: Mapping[str, str] | None = None) -> None:
    """Enter ``files`` into the folder's manifest, as they are now.

    Args:
        folder: where the files and the manifest lie.
        files: what was written; a folder, or what lies in one, counts as that folder.
        renamed: new name -> old name of files that were moved aside before ``files`` were written.
    """
    old = read_manifest(folder)
    moved = {new: old[name] for new, name in (renamed or {}).items() if name in old}
    tops = {path.relative_to(folder).parts[0] for path in files}
    entries = old | moved | {name: entry_of(folder / name) for name in tops}
    write_json(folder / MANIFEST, {name: entries[name] for name in sorted(entries) if (folder / name).exists()})


def fault(path: Path) -> str | None:
    """What is wrong with ``path``: missing, cut off, changed. None: nothing, or there is no manifest that could tell.

    A file is whole when the manifest knows its contents, under whatever name: between a checkpoint's new name and the
    manifest that tells of it lies a moment in which the power may fail.
    """
    if not path.exists():
        return "it is missing"
    entries = read_manifest(path.parent)
    if not entries:
        return None
    size = _size(path)
    if all(entry["size"] != size for entry in entries.values()):
        return f"it has {size:,} bytes; the manifest knows no such file"
    if entry_of(path) not in entries.values():
        return "its contents are not those the manifest knows (SHA-256)"
    return None


def changed(path: Path) -> str | None:
    """How ``path`` differs from what the manifest says under its name; None: it does not, or was never entered.

    Of a folder, which may hold gigabytes, only the size is looked at.
    """
    entry = read_manifest(path.parent).get(path.name)
    if entry is None:
        return None
    if (size := _size(path)) != entry["size"]:
        return f"it has {size:,} bytes; the manifest says {entry['size']:,}"
    return None if path.is_dir() or entry_of(path) == entry else "its contents are not those of the manifest (SHA-256)"


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
