"""What was found about the checkpoints of a run, as a page and as one grid of pictures."""

from collections.abc import Collection
from pathlib import Path

from evaluation.identity import Judge
from evaluation.judges import judges_here, load_judge
from evaluation.rank_report import Portraits, report
from evaluation.report import Report
from ldm.runs.png import save_png
from ldm.runs.rank import Ranking
from ldm.runs.sheet import sheet


def judge_for(name: str | None, took_part: Collection[str]) -> Judge:
    """The judge called ``name``; without one, the first here that took no part in training, if there is one."""
    if name:
        return load_judge(name)
    here = [load_judge(one) for one in judges_here()]
    return next((judge for judge in here if judge.encoder_name not in took_part), here[0])


def report_of(found: Ranking, encoder: str) -> Report:
    """The page on ``found``, by a judge with the network ``encoder``."""
    said = []
    if encoder in found.run.conditioned_by:
        said.append(
            f"{encoder} took part in training: fine for choosing among checkpoints, but the numbers flatter "
            "(--judge takes another)."
        )
    if found.failed:
        said.append(f"Left out, since they could not be looked at: {', '.join(found.failed)}.")
    portraits = [
        Portraits(step, one.person, one.prompts, one.pictures(), one.cosines)
        for step, rows in found.drawn.items()
        for one in rows
    ]
    name = found.run.folder.path.resolve().name
    return report(name, found.looks, found.best, portraits, found.settings, said)


def write_grid(path: Path, found: Ranking) -> None:
    """One picture: a row for each checkpoint, everybody's pictures in it, the best one named."""
    rows = {}
    for look in found.looks:
        marked = " best" if look == found.best else ""
        rows[f"{look.step}{marked}  {look.score:.2f}"] = [
            picture for one in found.drawn[look.step] for picture in one.pictures()
        ]
    save_png(path, sheet(rows), {"run": found.run.folder.path.resolve().name, "best": found.best.step})
