"""The older list of aligned faces: a pickled list of path strings. Read without running anything in it."""

import io
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ldm.files import atomic_path


class PathPickleError(ValueError):
    """A pickle that is refused, damaged, or no list of paths."""


def write_paths(path: Path, pictures: Iterable[Path]) -> None:
    """Write a pickled list of absolute path strings, as CelebBasis' own scripts expect it."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(pickle.dumps([str(picture.absolute()) for picture in pictures], protocol=4))


class _PlainUnpickler(pickle.Unpickler):
    """Reads plain data only: a pickle that names any class or function is refused, not run."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse every global."""
        raise PathPickleError(f"it asks for {module}.{name}")


def read_paths(path: Path) -> list[Path]:
    """The paths in a pickled list of strings; relative ones are looked for from the current folder, then the pickle's.

    Raises:
        PathPickleError: it is no pickle, holds anything but a list of strings, or names a class or function.
    """
    try:
        values = _PlainUnpickler(io.BytesIO(path.read_bytes())).load()
    except PathPickleError as error:
        raise PathPickleError(f"{path} is refused: {error}; only a plain list of path strings is read") from error
    except Exception as error:  # a damaged pickle may raise anything
        raise PathPickleError(f"{path} is not a pickle that can be read: {error}") from error
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise PathPickleError(f"{path} must hold a plain list of path strings, as 00_align_face.sh writes it")
    return [_found(Path(value), path.parent) for value in values]


def _found(picture: Path, folder: Path) -> Path:
    """``picture`` from the current folder if it is there, else from ``folder``."""
    return picture if picture.is_absolute() or picture.exists() else folder / picture
