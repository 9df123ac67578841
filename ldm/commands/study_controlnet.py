"""`python -m ldm study controlnet`: how well a ControlNet of the embedded model obeys."""

from pathlib import Path
from typing import Annotated

import typer


def controlnet(
    pictures: Annotated[Path, typer.Option(help="A picture store, made by `python -m ldm prepare pictures`.")],
    sd: Annotated[Path, typer.Option(help="The weights.")] = Path("weights/embedded"),
    train: Annotated[int, typer.Option(min=16, help="Pictures to train on.")] = 4000,
    test: Annotated[int, typer.Option(min=2, help="Pictures of other people, whose edges are shown.")] = 200,
    steps: Annotated[int, typer.Option(min=1, help="Steps of a run.")] = 1000,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures a step.")] = 16,
    out: Annotated[Path, typer.Option(help="Where runs and pictures go; what is there is kept.")] = Path(
        "outputs/studies/controlnet"
    ),
    document: Annotated[bool, typer.Option(help="Write the section of docs/measurements.md too.")] = True,
) -> None:
    """Train a ControlNet on edges, and one on other pictures' edges; measure how well the drawn edges are those shown.

    Example: python -m ldm study controlnet --pictures data/embedded/pictures --steps 600
    """
    from evaluation.studies.controlnet import Request, run

    run(Request(sd, pictures, out, train, test, steps, batch_size, document))
