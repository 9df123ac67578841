"""A look at the people of a run, in its loggers, as a picture, and as a line."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl

from evaluation.ranking import Look, chosen
from ldm.runs.budget import Budget
from ldm.runs.likeness import Likeness, likeness_sheet
from ldm.runs.loggers import Row, log_people, log_picture
from ldm.runs.pictures import save_jpeg

logger = logging.getLogger(__name__)


def log_look(
    trainer: pl.Trainer, look: Look, found: Sequence[Likeness], best: Look, budget: Budget, folder: Path | None
) -> None:
    """Enter a look everywhere.

    Args:
        trainer: whose loggers.
        look: the numbers.
        found: the pictures.
        best: the best look so far.
        budget: what looking cost.
        folder: the run's ``images/``.
    """
    metrics = {"val/score": look.score, "val/identity": look.identity, "val/detected": look.detected}
    metrics |= {"val/look_s": look.seconds, "val/look_share": budget.share}
    metrics |= {f"val/{name}": value for name in ("obedience", "drift") if (value := getattr(look, name)) is not None}
    metrics |= {f"val/identity/{name}": mean for name, mean in look.people.items()}
    for one in trainer.loggers:
        one.log_metrics(metrics, step=look.step)
    log_people(trainer.loggers, [row for one in found for row in _rows(one, look.step)], look.step)
    listed = ", ".join(f"{name} {mean:.3f}" for name, mean in look.people.items())
    sheet = likeness_sheet(found)
    log_picture(trainer.loggers, "val/people", sheet, listed, look.step)
    if folder is not None:
        save_jpeg(sheet, folder / "val" / f"people_gs-{look.step:06d}.jpg")
    told = {"obedience": look.obedience, "drift": look.drift}
    more = "".join(f", {name} {value:.3f}" for name, value in told.items() if value is not None)
    pictures = sum(len(one.pictures) for one in found)
    logger.info(
        "look after step %d: score %.3f; identity %.3f (%s)%s, a face in %d of %d pictures; best so far step %d "
        "(%.3f); %.1f s", look.step, look.score, look.identity, listed, more, round(look.detected * pictures), pictures,
        best.step, best.score, look.seconds,
    )  # fmt: skip


def log_end(looks: Sequence[Look], min_delta: float, budget: Budget, left_out: int, where: str) -> None:
    """Say which checkpoint it was in the end, and what looking cost; ``where`` is the callback in the config."""
    bound = "" if budget.max_share is None else f" (at most {budget.max_share:.0%})"
    cost = f"{budget.spent_s:.1f} s, {budget.share:.1%} of training time{bound}"
    if not looks:
        logger.warning(
            "best checkpoint: no look was made, so none is marked; %d were left out for their time, and getting ready "
            "took %s: raise %s.params.max_share, lower num_pictures, or rank the run afterwards by python -m ldm rank",
            left_out, cost, where,
        )  # fmt: skip
        return
    best = chosen(looks, min_delta)
    logger.info(
        "best checkpoint: step %d of %d looked at (score %.3f); looks took %s, %d were left out for their time",
        best.step, len(looks), best.score, cost, left_out,
    )  # fmt: skip


def _rows(one: Likeness, step: int) -> list[Row]:
    """A row of the table of people for each picture."""
    shown = zip(one.prompts, one.pictures, one.scores.listed, strict=True)
    return [Row(one.reference.name, prompt, step, picture, cosine) for prompt, picture, cosine in shown]
