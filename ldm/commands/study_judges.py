"""Judge against judge: a helper of the group ``study``."""

from pathlib import Path
from typing import Annotated

import typer


def judges(
    evaluations: Annotated[
        list[Path], typer.Argument(metavar="EVALUATION...", help="Folders that `evaluate personalization` wrote.")
    ],
    out: Annotated[Path, typer.Option(help="Where the numbers go.")] = Path("outputs/studies/judges"),
    document: Annotated[bool, typer.Option(help="Write the section of docs/measurements.md too.")] = True,
) -> None:
    """Do judges put the same pictures in the same order? Rank correlation of each two, over people.

    Example:

      python -m ldm evaluate personalization --run RUN --judge yunet-sface --judge NET.onnx:imagenet --judge dlib

      python -m ldm study judges outputs/evaluation/RUN outputs/evaluation/OTHER_RUN
    """
    from evaluation.studies.judges import run

    run(evaluations, out, document)
