"""Which checkpoint of a run is marked as the best: a small file beside the checkpoints, that ``--step best`` reads."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.ranking import Look, chosen, pareto
from ldm.files import write_json
from ldm.runs.folder import RunFolder

BEST = "best.json"
CHOOSER = "yunet-sface"
"""The judge by which a run in training chooses where its config names none."""


def mark_best(
    run: RunFolder, looks: Sequence[Look], tolerance: float, facts: Mapping[str, Any], write: bool = True
) -> Look | None:
    """Mark the best of the ``looks`` whose exported files are there; None, and no mark, where there is none.

    Args:
        run: the run.
        looks: all that were made.
        tolerance: see :func:`evaluation.ranking.chosen`.
        facts: who looked and when, for the file.
        write: the mark; otherwise only say which one it is.
    """
    there = set(run.steps())
    kept = [look for look in looks if look.step in there]
    if not kept:
        return None
    best = chosen(kept, tolerance)
    listed = [look.as_json() | {"saved": look.step in there} for look in looks]
    front = [look.step for look in pareto(kept)]
    found = {"step": best.step, "score": best.score, "pareto": front, "tolerance": tolerance}
    if write:
        write_json(run.checkpoints / BEST, {**found, **facts, "looks": listed})
    return best


def best_step(run: RunFolder) -> int:
    """The step that is marked as the best.

    Raises:
        LookupError: none is marked; says how to.
        ValueError: the mark is damaged.
    """
    file = run.checkpoints / BEST
    if not file.is_file():
        raise LookupError(
            f"no checkpoint of {run.path} is marked as the best: python -m ldm rank {run.path} looks at all of them "
            "and marks one; lightning.callbacks.best does it while training"
        )
    try:
        return int(json.loads(file.read_text(encoding="utf-8"))["step"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is damaged ({error}): python -m ldm rank {run.path} writes it anew") from error
