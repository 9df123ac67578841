"""Old programs' options, translated: ``python scripts/translate.py PROGRAM [OPTIONS] [key=value ...]``.

A program is one table (see ``old_training.py``, ``old_drawing.py``): each row an old option and the words of today's
command that it stands for. The command is shown before it runs; ``key=value`` goes on to it, for what the old program
could not do.
"""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
OVERRIDE = re.compile(r"[A-Za-z_][\w.\-\[\]]*=")
Words = Sequence[str]


@dataclass(frozen=True)
class Flag:
    """An old option.

    Attributes:
        names: as it was typed, ``-c --class-name``; the last one names it in ``means``.
        means: words of the command, or by its value which words they are (``*`` is any other). ``{name}`` is the value
            of the option of that name, with ``_`` for ``-``; ``"{name:text}"`` the same inside quotes of YAML.
        default: what the old program took; None: nothing, and then nothing is said to the new one.
        values: how many words follow; 0 is a switch, ``*`` any number.
        otherwise: what is said where a switch is not given.
        needs: an option without which this one does nothing.
        unless: an option beside which this one does nothing.
        gone: why it cannot be had any more, for a value other than the default.
        required: it must be given.
        example: values for the test of the table, and where it needs them other options.
    """

    names: str
    means: Words | Mapping[str, Words] = ()
    default: Any = None
    values: int | str = 1
    otherwise: Words = ()
    needs: str | None = None
    unless: str | None = None
    gone: str = ""
    required: bool = False
    example: Words = ()

    @property
    def dest(self) -> str:
        """What ``means`` calls it."""
        return self.names.split()[-1].lstrip("-").replace("-", "_")

    def words(self, given: Mapping[str, Any]) -> list[str]:
        """What the option stands for, where ``given`` are the values of all options."""
        value = given[self.dest]
        if (self.needs and not given[self.needs]) or (self.unless and given[self.unless]):
            return []
        if value is None or value is False:
            return list(self.otherwise) if value is False else []
        means = self.means
        if isinstance(means, Mapping):
            if str(value) not in means and "*" not in means:
                raise ValueError(f"{self.names.split()[-1]} {value}: {self.gone or 'one of ' + ', '.join(means)}")
            means = means[str(value) if str(value) in means else "*"]
        elif self.gone and value != self.default:
            raise ValueError(f"{self.names.split()[-1]}: {self.gone}")
        return [_fill(word, given) for word in means]


@dataclass(frozen=True)
class Program:
    """An old program.

    Attributes:
        about: what it did, and what is done today.
        command: the words that the new command begins with, behind ``main.py`` or ``ldm``.
        flags: its options.
        calls: ``main`` trains, ``ldm`` is ``python -m ldm``.
        runs: the option that names where numbered folders ``run1``, ``run2``, ... were made; None: there were none. The
            words may name the next one as ``{folder}``.
        resume: the option that names the folder of a run to go on with.
    """

    about: str
    command: Words
    flags: Sequence[Flag]
    calls: str = "main"
    runs: str | None = None
    resume: str | None = None

    def parse(self, name: str, argv: Words) -> tuple[dict[str, Any], list[str]]:
        """The values of the options that were typed, and ``key=value`` apart from them."""
        parser = argparse.ArgumentParser(prog=name, description=self.about, allow_abbrev=False)
        for flag in self.flags:
            options: dict[str, Any] = {"dest": flag.dest, "required": flag.required, "help": _help(flag)}
            options |= (
                {"action": "store_true"} if flag.values == 0 else {"nargs": None if flag.values == 1 else flag.values}
            )
            parser.add_argument(*flag.names.split(), default=argparse.SUPPRESS, **options)
        typed, rest = parser.parse_known_args(argv)
        if wrong := [word for word in rest if not OVERRIDE.match(word)]:
            parser.error(f"{wrong[0]!r} is neither an option nor key=value")
        return vars(typed), rest

    def completed(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        """The values of all options: where one was not typed, what the old program took."""
        return {flag.dest: typed.get(flag.dest, False if flag.values == 0 else flag.default) for flag in self.flags}

    def translate(self, name: str, argv: Words) -> list[str]:
        """The words of today's command. A run that is gone on with keeps what it has where nothing was typed.

        Args:
            name: of the old program.
            argv: its options.

        Raises:
            ValueError: an option asks for what there is no more.
        """
        typed, rest = self.parse(name, argv)
        given = self.completed(typed)
        if self.runs:
            given["folder"] = str(numbered(Path(given[self.runs])))
        old = self.resume and given[self.resume]
        begin = ["-r", str(old), "-t"] if old else [_fill(word, given) for word in self.command]
        said = [flag for flag in self.flags if not old or flag.dest in typed]
        return [*begin, *(word for flag in said for word in flag.words(given)), *rest]


class _Value(str):
    """A typed word, which ``{...:text}`` writes for inside double quotes of YAML."""

    def __format__(self, spec: str) -> str:
        return self.replace("\\", "\\\\").replace('"', '\\"') if spec == "text" else str(self)


class _Values(list[str]):
    """Several typed words: ``{name[0]}`` is the first, ``{name}`` are all with commas behind them."""

    def __format__(self, spec: str) -> str:
        return "".join(f"{value}," for value in self)


def _fill(word: str, given: Mapping[str, Any]) -> str:
    return word.format(**{k: _Values(v) if isinstance(v, list) else _Value(v) for k, v in given.items()})


def _help(flag: Flag) -> str:
    said = flag.means if isinstance(flag.means, Mapping) else {"": flag.means}
    words = "; ".join(f"{value or 'it'} is {shlex.join(means)}" for value, means in said.items() if means)
    return (flag.gone or words or "accepted, of no effect here").replace("%", "%%")


def numbered(folder: Path) -> Path:
    """``folder/run{N}`` with the first N, from 1, that is not there."""
    taken = [int(path.name[3:]) for path in folder.glob("run*") if path.name[3:].isdigit()]
    return folder / f"run{max(taken, default=0) + 1}"


def run(name: str, argv: Words | None = None) -> int:
    """Run the old program ``name``; its exit code."""
    import yaml

    from ldm.files import write_text

    program, argv = programs()[name], list(sys.argv[1:] if argv is None else argv)
    typed, _ = program.parse(name, argv)
    given = program.completed(typed)
    folder = None
    if program.runs:
        if program.resume and given[program.resume]:
            folder, given = Path(given[program.resume]), typed
        else:
            folder = numbered(Path(given[program.runs]))
    try:
        words = from_anywhere(program.translate(name, argv), program.calls)
    except ValueError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 2
    called = ["python", "main.py"] if program.calls == "main" else ["python", "-m", "ldm"]
    sys.stderr.write(f"$ {shlex.join([*called, *words])}\n")
    if folder is not None and program.calls == "main" and not folder.exists():
        os.environ["LDM_RUN_FOLDER"] = str(folder.resolve())
    code = _entry(program.calls)(words)
    if folder is not None and folder.is_dir():
        number = len(list(folder.glob("args*.yaml")))
        write_text(folder / f"args{number + 1 if number else ''}.yaml", yaml.safe_dump(given, sort_keys=False))
    return code


def from_anywhere(words: Words, calls: str) -> list[str]:
    """``words`` with the repository's own configs and weights where they lie, if that is not the working directory."""
    known = [str(ROOT / word) if word.startswith("configs/") and not Path(word).exists() else word for word in words]
    weights = Path("weights/embedded")
    if calls == "main" and not {"--actual_resume", "-r"} & set(words) and not weights.exists():
        known += ["--actual_resume", str(ROOT / weights)]
    return known


def _entry(calls: str) -> Callable[[Words], int]:
    if calls == "main":
        from main import main

        return main
    from ldm.__main__ import main as ldm

    def run_command(words: Words) -> int:
        try:
            ldm(words)
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else 1
        return 0

    return run_command


def programs() -> dict[str, Program]:
    """All old programs by name."""
    from old_converting import CONVERTING
    from old_data import DATA
    from old_drawing import DRAWING
    from old_training import TRAINING

    return {**TRAINING, **DRAWING, **CONVERTING, **DATA}


if __name__ == "__main__":
    there = programs()
    if len(sys.argv) < 2 or sys.argv[1] not in there:
        sys.exit(f"python scripts/translate.py PROGRAM [OPTIONS] [key=value ...]; programs: {', '.join(there)}")
    sys.exit(run(sys.argv[1], sys.argv[2:]))
