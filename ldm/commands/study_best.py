"""Whether the best checkpoint is worth taking: a helper of the group ``study``."""

from pathlib import Path
from typing import Annotated

import typer


def best_checkpoint(
    photos: Annotated[Path, typer.Option(help="LFW: one folder a person.")],
    judge: Annotated[str, typer.Option(help="FILE.onnx:imagenet or another net that neither conditions nor chooses.")],
    celeba: Annotated[
        Path | None, typer.Option(help="CelebA with its labels, for a judge of prompts; beside PHOTOS if not given.")
    ] = None,
    people: Annotated[int, typer.Option(min=2, max=60, help="How many of the held-out people.")] = 20,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of a run; the config's if not given.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints that are saved anyway.")] = 50,
    looks: Annotated[int, typer.Option(min=1, help="Steps between looks of the run, as far as there is time.")] = 25,
    share: Annotated[float, typer.Option(min=0.001, help="Of the training time that looks may take.")] = 0.1,
    each: Annotated[int, typer.Option(min=1, help="Pictures that the judge sees of each checkpoint.")] = 8,
    drawing_steps: Annotated[int, typer.Option(min=1, help="Steps of the sampler, for these.")] = 12,
    tuning: Annotated[bool, typer.Option("--tuning", help="Take people who are never in the study.")] = False,
    sd: Annotated[Path, typer.Option(help="The weights.")] = Path("weights/embedded"),
    out: Annotated[Path, typer.Option(help="Where cells go; what is there is kept.")] = Path(
        "outputs/studies/best_checkpoint"
    ),
    document: Annotated[bool, typer.Option(help="Write docs/studies/best_checkpoint.md too.")] = True,
) -> None:
    """Is the checkpoint that a run marks as its best worth taking? Against last and oracle, by another judge.

    Stopped, it goes on where it was. A quick look: --people 2 --steps 60 --every 20 --share 1 --each 2 --tuning
    --no-document --out FOLDER.

    Example: python -m ldm study best_checkpoint --photos LFW --judge NET.onnx:imagenet
    """
    from evaluation.studies.best_checkpoint.cells import Design
    from evaluation.studies.best_checkpoint.run import Request, run

    labelled = celeba or photos.parent / "celeba"
    known = labelled if celeba or labelled.is_dir() else None
    design = Design(steps, every, looks, share, each, drawing_steps)
    run(Request(photos, judge, known, sd, people, tuning, out, document), design)
