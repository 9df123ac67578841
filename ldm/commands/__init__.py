"""The subcommands of ``python -m ldm``: parse, call, print.

A file in this folder is a command. The rules, and all there is to registering one:

- ``my_thing.py`` with a function ``my_thing`` is the command ``my-thing``; its typed parameters are the options
  (typer), its docstring is the long help;
- ``my_thing.py`` with a ``typer.Typer()`` named ``app`` is a group, and ``app``'s commands are ``my-thing one``,
  ``my-thing two``, ...; a group has at least one command;
- the first line of the file's docstring is the short help. It is read without importing the file;
- what is slow to import (torch, diffusers, cv2, onnxruntime) is imported inside the function, so that ``--help``
  answers at once;
- helpers shared by commands lie in files that define neither.

What goes wrong for a reason the user can mend is raised as ``ValueError``, ``LookupError``, ``OSError``,
``RuntimeError`` or ``ImportError`` with one clear message: ``short_errors`` prints that and nothing else.
"""

import ast
import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from ldm.commands.quiet import quiet_libraries

FIRST = ("align", "generate", "extract", "prepare", "evaluate", "study", "visualize", "convert")
OURS = ("ldm", "evaluation", "__main__", "main")
MENDABLE = (ValueError, LookupError, RuntimeError, ImportError, TypeError)


def find_commands(folder: Path = Path(__file__).parent) -> dict[str, str]:
    """Names and short helps of the commands in ``folder``, the main job's first. Nothing is imported."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if _entry(tree, path.stem):
            found[path.stem.replace("_", "-")] = (ast.get_docstring(tree) or "").partition("\n")[0]
    order = [name for name in FIRST if name in found] + [name for name in found if name not in FIRST]
    return {name: found[name] for name in order}


def _entry(tree: ast.Module, name: str) -> bool:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return True
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "app" for target in targets):
                return True
    return False


def load_command(name: str) -> Any:
    """The click command or group behind a name of ``find_commands``; its file is imported now."""
    stem = name.replace("-", "_")
    module = importlib.import_module(f"ldm.commands.{stem}")
    if isinstance(getattr(module, "app", None), typer.Typer):
        return typer.main.get_group(module.app)
    function: Callable[..., Any] = getattr(module, stem)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(function)
    return typer.main.get_command(alone)


def set_up_logging() -> None:
    """Our own messages from INFO on, other packages' from WARNING on but for what is meant, to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Plain())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for package in OURS[:2]:
        logging.getLogger(package).setLevel(logging.INFO)
    quiet_libraries()


class _Plain(logging.Formatter):
    """Information as it is, everything graver with its level in front."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno <= logging.INFO else f"{record.levelname.lower()}: {text}"


@contextmanager
def short_errors() -> Iterator[None]:
    """What the user can mend becomes one message in red and exit code 1; a defect keeps its traceback.

    ``LDM_DEBUG=1`` in the environment (``python -m ldm --debug``) shows the traceback of both.
    """
    try:
        yield
    except KeyboardInterrupt:
        typer.secho("stopped", fg="red", err=True)
        raise SystemExit(130) from None
    except Exception as error:
        if os.environ.get("LDM_DEBUG", "0") not in ("", "0") or not _mendable(error):
            raise
        typer.secho(f"error: {message_of(error)}", fg="red", err=True)
        raise SystemExit(1) from None


def _mendable(error: Exception) -> bool:
    """An error of the file system, or one of ours: raised in this repository, not deep in a library."""
    if isinstance(error, OSError):
        return True
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    module = place.tb_frame.f_globals.get("__name__", "") if place else ""
    return isinstance(error, MENDABLE) and str(module).partition(".")[0] in OURS


def message_of(error: Exception) -> str:
    """The words of an error, without the decoration that Python gives some of them."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, KeyError) and len(error.args) == 1:
        return str(error.args[0])
    return str(error) or type(error).__name__


def program_name() -> str:
    """How the user called us: ``ldm`` or ``python -m ldm``."""
    called = Path(sys.argv[0]).name
    return "python -m ldm" if called == "__main__.py" else called
