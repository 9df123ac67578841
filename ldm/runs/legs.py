"""Long training in legs: a process of its own that saves and stops when its time is over, and goes on later."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ldm.runs.folder import RunFolder

LEAST_S = 5.0
"""A training that would have less time than this is not begun."""


class LegOver(Exception):  # noqa: N818
    """The time is over before all was done; everything is saved."""


class Leg:
    """The time that is left, in all.

    Args:
        minutes: None is no limit.
    """

    def __init__(self, minutes: float | None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    def left_s(self) -> float | None:
        """Seconds; None without a limit.

        Raises:
            LegOver: (almost) none are left.
        """
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left < LEAST_S:
            raise LegOver("the leg is over")
        return left


def train_run(runs: Path, name: str, config: Path, overrides: Sequence[str], leg: Leg) -> Path:
    """Train by ``main.py`` in ``runs``, or go on with the run of that name; the last thing it exported.

    Raises:
        LegOver: the time ended it; it was told to save and stop.
        RuntimeError: the training failed.
    """
    earlier = sorted(runs.glob(f"*_{name}"))
    start = ["-r", str(earlier[-1])] if earlier else ["--base", str(config), "-n", name, "-l", str(runs)]
    options = ["-t", "--datadir_in_name", "false", *([] if earlier else overrides)]
    left = leg.left_s()
    process = subprocess.Popen([sys.executable, "main.py", *start, *options])
    try:
        code = process.wait(left)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        code = process.wait()
        if code in (0, 128 + signal.SIGTERM):
            raise LegOver(f"the time is over: {name} is saved in {runs}") from None
    except BaseException:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    if code:
        raise RuntimeError(f"the training {name} in {runs} ended with exit code {code}")
    return last_export(sorted(runs.glob(f"*_{name}"))[-1])


def last_export(run: Path) -> Path:
    """What a run exported last.

    Raises:
        FileNotFoundError: nothing.
    """
    exported = list(RunFolder.open(run).checkpoints.glob("*_gs-*"))
    if not exported:
        raise FileNotFoundError(f"{run} has exported nothing")
    return max(exported, key=lambda path: path.stat().st_mtime)
