"""Files and folders that are either whole or not there."""

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LEFTOVER = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}(\.[^.]+)?")
"""What ``atomic_path`` and ``atomic_folder`` call their temporary files: the name, and eight letters of tempfile's."""


FULL = "no space left on the disk; make room there, or choose another folder"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``; when the block ends well it is synced to disk and becomes ``path``.

    If the block raises, ``path`` is as it was before and the temporary file is gone.

    Raises:
        OSError: the folder cannot be made or written, or the disk is full (the message names the file).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with full_disk_named(path):
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, keep_others: bool = False) -> Iterator[Path]:
    """A temporary folder beside ``path``; when the block ends well it is synced to disk and takes ``path``'s place.

    If the block raises, ``path`` is as it was before and the temporary folder is gone. A process that is killed leaves
    the old folder, the new one, or neither at ``path``, but never a mixture.

    Args:
        path: the folder.
        keep_others: entries of the old folder that the new one does not have stay.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name[:80]}.", dir=path.parent) as made:
        new, old = Path(made) / "new", Path(made) / ("others" if keep_others else "old")  # sweep knows these names
        new.mkdir()
        with full_disk_named(path):
            yield new
            for entry in (*new.rglob("*"), new):
                _sync(entry)
        if path.is_dir():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.is_dir():
                old.rename(path)
            raise
        if keep_others:
            _move_others(old, path)
        _sync(path.parent)


def _move_others(old: Path, new: Path) -> None:
    """Move the entries of ``old`` that ``new`` does not have."""
    for entry in old.iterdir() if old.is_dir() else ():
        if not (new / entry.name).exists():
            entry.rename(new / entry.name)


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Inside the block, a disk that has become full is an ``OSError`` that names ``path``, whatever a library says.

    torch.save says "unexpected pos" or "file write failed", safetensors "I/O error", others nothing of the file.
    """
    try:
        yield
    except Exception as error:
        named = isinstance(error, OSError) and error.strerror == FULL
        if named or not disk_is_full(error):
            raise
        raise OSError(errno.ENOSPC, FULL, str(path)) from error


def disk_is_full(error: BaseException | None) -> bool:
    """Whether a full disk is what an error, or one that it came from, is about."""
    while error is not None:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or any(words in str(error) for words in ("No space left on device", "file write failed")):
            return True
        error = error.__cause__ or error.__context__
    return False


def sweep(folder: Path) -> list[Path]:
    """Tidy up what writers left in ``folder`` that were killed; the hidden files and folders that are gone now.

    Only where nobody writes at this moment. A folder that was about to take its place takes it: a writer moves the old
    one aside only when the new one is whole.
    """
    swept = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not (found := LEFTOVER.fullmatch(path.name)):
            continue
        if path.is_dir():
            _finish(path, folder / found["name"])
            shutil.rmtree(path)
        else:
            path.unlink()
        swept.append(path)
    return swept


def _finish(made: Path, target: Path) -> None:
    """Do what the writer of the temporary folder ``made`` had left to do to ``target`` once the new one was whole."""
    replaced = [old for old in (made / "old", made / "others") if old.is_dir()]
    if replaced and not target.exists():
        (made / "new").rename(target)
    if target.is_dir():
        _move_others(made / "others", target)


def _sync(path: Path) -> None:
    """Have ``path``, a file or a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def require_writable(folder: Path) -> None:
    """Make ``folder``, and nothing more, if files can be put there: seen before hours of work are lost.

    Raises:
        OSError: it cannot be made or written; the message says why.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"cannot write to {folder}: {error.strerror or error}; choose another folder") from error


def _umask() -> int:
    """The process's umask: mkstemp makes private files, results are for everybody the user allows."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
