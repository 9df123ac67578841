"""Run commands as stages: their output shown as it comes, with the seconds and the memory that each took."""

import codecs
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psutil

logger = logging.getLogger(__name__)

POLL_S = 0.2
"""How often the memory of a stage's processes is read."""
TAIL_LINES = 25
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


class StageError(RuntimeError):
    """A command of a stage failed; the message ends with its last lines."""


class Stages:
    """Runs the stages of a job, one after another.

    Args:
        logs: folder for each stage's output, as ``<stage>.log``.
        cwd: where the commands run.

    Attributes:
        seconds: wall-clock seconds per stage, summed over its commands.
        peak_rss_mb: greatest memory per stage: resident sets of a command and all its children, summed, in MiB.
            Pages that processes share count once for each.
    """

    def __init__(self, logs: Path, cwd: Path) -> None:
        self.logs, self.cwd = logs, cwd
        self.seconds: dict[str, float] = {}
        self.peak_rss_mb: dict[str, float] = {}

    def run(self, stage: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Run ``command`` as part of ``stage`` and show what it says; ``env`` is added to the environment.

        Raises:
            StageError: it could not be started, or its exit code is not 0.
        """
        words = [str(word) for word in command]
        logger.info("── %s: %s", stage, " ".join(words))
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{stage}.log"
        started = time.perf_counter()
        with log.open("ab" if stage in self.seconds else "wb") as file:
            code, peak = _run(words, self.cwd, {**os.environ, **(env or {})}, file)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started
        self.peak_rss_mb[stage] = max(self.peak_rss_mb.get(stage, 0.0), peak / 2**20)
        if code:
            raise StageError(
                f"stage {stage} failed with exit code {code}: {' '.join(words)}\n"
                f"its last lines (all of them in {log}):\n{last_lines(log)}"
            )


def last_lines(log: Path, count: int = TAIL_LINES) -> str:
    """The last lines of ``log`` as a terminal would show them: without escapes, progress bars at their last state."""
    text = ESCAPES.sub("", log.read_bytes().decode("utf-8", errors="replace"))
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return "\n".join("  " + line for line in [line for line in lines if line][-count:])


def _run(words: Sequence[str], cwd: Path, env: Mapping[str, str], log: BinaryIO) -> tuple[int, int]:
    """Exit code and peak memory in bytes of a command whose output goes to ``log`` and to our stdout."""
    output, theirs = _terminal() if sys.stdout.isatty() else os.pipe()
    try:
        columns = str(shutil.get_terminal_size().columns)
        child = subprocess.Popen(
            words, cwd=cwd, env={"COLUMNS": columns, **env}, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
        )
    except OSError as error:
        os.close(output)
        raise StageError(f"{words[0]} cannot be started: {error}") from error
    finally:
        os.close(theirs)
    try:
        with _peak_memory(child.pid) as peak:
            decode = codecs.getincrementaldecoder("utf-8")("replace").decode  # a piece may end inside a character
            for piece in _read(output):
                log.write(piece)
                sys.stdout.write(decode(piece))
                sys.stdout.flush()
            return child.wait(), peak[0]
    finally:
        os.close(output)
        if child.poll() is None:  # we were interrupted: leave nothing running
            child.terminate()
            child.wait()


def _terminal() -> tuple[int, int]:
    """Our end and the command's end of a pseudo-terminal: progress bars are drawn only on a terminal."""
    import pty

    return pty.openpty()


def _read(descriptor: int) -> Iterator[bytes]:
    """What comes from ``descriptor`` until its other end is closed."""
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # how Linux ends a pseudo-terminal
            return
        if not piece:
            return
        yield piece


@contextmanager
def _peak_memory(pid: int) -> Iterator[list[int]]:
    """A list whose only entry follows the greatest summed resident set, in bytes, of ``pid`` and its children."""
    peak, stop = [0], threading.Event()

    def poll() -> None:
        while not stop.is_set():
            peak[0] = max(peak[0], _memory(pid))
            stop.wait(POLL_S)

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def _memory(pid: int) -> int:
    """Summed resident sets of ``pid`` and its children now, in bytes; 0 when it is gone."""
    total = 0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.Error:  # ended between the listing and the question
            continue
    return total
