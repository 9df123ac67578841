"""From cells to numbers: best against last and oracle, paired over people; and the words that follow from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.bootstrap import Interval, bootstrap_mean, paired_difference
from evaluation.studies.best_checkpoint.cells import Cell, values
from evaluation.studies.celeb_basis.results import shown
from evaluation.studies.document import markdown_table
from ldm.runs.best import BestCheckpoint

NOT_BEHIND = -0.01
"""The lower bound of best less last must not be below."""
MAX_SHARE = 0.10
MIN_PEOPLE = 20
USUAL = BestCheckpoint()
PATIENCE, MIN_DELTA, MIN_STEPS = USUAL.patience, USUAL.min_delta, USUAL.min_steps
"""The early stop that is looked at: the callback's own defaults."""


@dataclass(frozen=True)
class Ways:
    """Ways to choose a checkpoint: each person's step by each."""

    steps: Mapping[str, list[int]]

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> "Ways":
        """The best (marked), the last, the one marked when patience would have ended the run, and the oracle."""
        return cls(
            {
                "best": [cell.marked for cell in cells],
                "last": [cell.scored[-1].step for cell in cells],
                "best, stopped early": [cell.stopped(PATIENCE, MIN_DELTA, MIN_STEPS)[1] for cell in cells],
                "oracle": [max(cell.scored, key=lambda look: look.score).step for cell in cells],
            }
        )


def differences(cells: Sequence[Cell]) -> dict[str, Interval]:
    """Paired differences of scores over people."""
    ways = Ways.of(cells)
    scores = {way: values(cells, steps) for way, steps in ways.steps.items()}
    identity = {way: values(cells, steps, "identity") for way, steps in ways.steps.items()}
    mean = [float(np.mean([look.score for look in cell.scored])) for cell in cells]
    return {
        "best less last": paired_difference(scores["best"], scores["last"]),
        "best less last, cosine": paired_difference(identity["best"], identity["last"]),
        "best, stopped early, less last": paired_difference(scores["best, stopped early"], scores["last"]),
        "oracle less best (regret)": paired_difference(scores["oracle"], scores["best"]),
        "oracle less last (regret of last)": paired_difference(scores["oracle"], scores["last"]),
        "best less one at random": paired_difference(scores["best"], mean),
    }


def verdict(cells: Sequence[Cell]) -> str:
    """Whether the gate is met, in words that follow from the numbers."""
    found, share = differences(cells), max(cell.share for cell in cells)
    best = found["best less last"]
    met = {
        f"best less last has a lower bound of at least {NOT_BEHIND}": best.low >= NOT_BEHIND,
        f"looks took at most {MAX_SHARE:.0%} of the training time (most: {share:.1%})": share <= MAX_SHARE,
        f"at least {MIN_PEOPLE} people ({len(cells)})": len(cells) >= MIN_PEOPLE,
    }
    lines = [f"* {words}: {'met' if there else '**not met**'}." for words, there in met.items()]
    word = "better than" if best.low > 0 else "worse than" if best.high < 0 else "not told apart from"
    head = f"By the scoring judge the best checkpoint is **{word} the last**: {shown(best)}."
    return "\n".join([head, "", *lines])


def table(cells: Sequence[Cell]) -> str:
    """A row for each way to choose."""
    judged = all(look.obedience is not None for cell in cells for look in cell.scored)
    measures = {"score": "score", "identity": "cosine"} | ({"obedience": "obedience"} if judged else {})
    rows = []
    for way, steps in Ways.of(cells).steps.items():
        numbers = [shown(bootstrap_mean(values(cells, steps, measure)), False) for measure in measures]
        rows.append([way, *numbers, f"{np.mean(steps) + 1:.0f}"])
    return markdown_table(["checkpoint", *measures.values(), "after steps, mean"], rows)


def table_of_differences(cells: Sequence[Cell]) -> str:
    """A row for each paired difference."""
    return markdown_table(["", "difference"], [[name, shown(found)] for name, found in differences(cells).items()])


def cost(cells: Sequence[Cell]) -> str:
    """What looking cost, and what stopping would save."""
    looks = [len(cell.own) for cell in cells]
    shares = [cell.share for cell in cells]
    ends = [cell.stopped(PATIENCE, MIN_DELTA, MIN_STEPS)[0] / (cell.scored[-1].step + 1) for cell in cells]
    return (
        f"Looks took {np.mean(shares):.1%} of the training time on average ({min(shares):.1%} to {max(shares):.1%}), "
        f"{np.mean(looks):.1f} looks a run ({min(looks)} to {max(looks)}). With patience {PATIENCE} runs would have "
        f"ended after {np.mean(ends):.0%} of their steps."
    )
