"""Pickled files of weights, read without running anything that is in them.

torch's own restricted unpickler does the reading. It knows tensors and plain containers. A checkpoint of Lightning also
names classes that it does not know: for those it is given stand-ins, which keep what they are told and do nothing. A
file that would call something (``__reduce__`` of foreign code) is refused when it comes to the call.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.serialization import safe_globals

from ldm.util import get_obj_from_str

HARMLESS = {
    "_codecs.encode": "_codecs.encode",
    "numpy.dtype": "numpy.dtype",
    "numpy.core.multiarray.scalar": "numpy._core.multiarray.scalar",
    "numpy._core.multiarray.scalar": "numpy._core.multiarray.scalar",
    "pathlib.PosixPath": "pathlib.PurePosixPath",
    "pathlib.WindowsPath": "pathlib.PureWindowsPath",
}
"""Calls that are allowed, and what is called: they make a number of numpy's (a score) or a path (a setting)."""

UNKNOWN = re.compile(r"Unsupported global: GLOBAL ([\w.]+)")
CALLED = re.compile(r"it would call ([\w.<>]+)|unsupported GLOBAL ([\w.]+)")


class _Uncallable(type):
    """Makes classes of which a pickle may make objects, but which it may not call: that is how code is run."""

    def __call__(cls, *_args: Any, **_options: Any) -> Any:
        raise pickle.UnpicklingError(f"it would call {cls.__module__}.{cls.__qualname__}")


class StandIn(metaclass=_Uncallable):
    """In place of an object of an unknown class: what the file says of it, and no behaviour."""

    state: Any = None

    def __new__(cls, *_args: Any) -> "StandIn":
        """An object that has not been told anything yet."""
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        self.state = state


def read_pickle(path: Path) -> Any:
    """The content of a pickled file of weights: tensors (mapped from the disk, not read), containers and words.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or would run code; nothing was executed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}")
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"  # what torch wrote before 1.6 is none, and cannot be mapped
    known: dict[str, Any] = {}
    while True:
        try:
            with safe_globals([*_numbers(), *((value, name) for name, value in known.items())]):
                return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
        except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, LookupError, ValueError, TypeError) as error:
            unknown = UNKNOWN.search(str(error))
            name = unknown[1] if unknown and "." in unknown[1] else f"builtins.{unknown[1]}" if unknown else ""
            if not name or name in known:
                raise ValueError(_complaint(path, str(error) or type(error).__name__)) from error
            known[name] = _stand_in(name)


def _stand_in(name: str) -> Any:
    """What takes the place of the class or function ``name``."""
    if name in HARMLESS:
        return get_obj_from_str(HARMLESS[name])
    module, _, word = name.rpartition(".")
    return _Uncallable(word, (StandIn,), {"__module__": module})


def _numbers() -> list[Any]:
    """The types of numpy's numbers."""
    return [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "b1")]


def _complaint(path: Path, error: str) -> str:
    if called := CALLED.search(error):
        return (
            f"{path} holds more than weights: it would call {called[1] or called[2]}. It is not opened, and nothing in "
            "it was executed; get a .safetensors of the same model"
        )
    reason = error.partition("WeightsUnpickler error:")[2].strip() or error.strip()
    return (
        f"{path} ({path.stat().st_size:,} bytes) is truncated or damaged, or no file of weights: get it again "
        f"({reason.splitlines()[0].partition('. ')[0]})"
    )
