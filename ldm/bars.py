"""Progress of long work."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]


@contextmanager
def bar(what: str, total: int, every_s: float = 10.0, brief: bool = False) -> Iterator[Advance]:
    """A function to call with the number of things done: a bar on a terminal, a line now and then in a log.

    Both tell things a second and the time that is left. Of several processes of a run the first one tells.

    Args:
        what: is done.
        total: how many things there are.
        every_s: seconds between two lines of a log.
        brief: work that may be done in a moment: the bar goes when it ends, and a log that has no line yet gets none.
    """
    if os.environ.get("LOCAL_RANK", "0") != "0":
        yield lambda count: None
    elif sys.stderr.isatty():
        yield from _on_a_terminal(what, total, brief)
    else:
        yield _in_a_log(what, total, every_s, brief)


def _on_a_terminal(what: str, total: int, brief: bool) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=brief) as progress:
        task, done, started = progress.add_task(what, total=total, rate=""), 0, time.monotonic()

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress.update(task, advance=count, rate=f"{told(done / max(time.monotonic() - started, 1e-9))}/s")

        yield advance


def _in_a_log(what: str, total: int, every_s: float, brief: bool) -> Advance:
    started = said = time.monotonic()
    done, silent = 0, True

    def advance(count: int) -> None:
        nonlocal done, said, silent
        done += count
        now = time.monotonic()
        if now - said >= every_s or (done == total and not (brief and silent)):
            said, silent = now, False
            rate = done / max(now - started, 1e-9)
            sys.stderr.write(f"{what}: {done}/{total}, {told(rate)}/s, {(total - done) / rate:.0f} s left\n")

    return advance


def told(rate: float) -> str:
    """Things a second: ``19.0``, and of slow ones ``0.042``."""
    return f"{rate:.1f}" if rate >= 1 else f"{rate:.2g}"
