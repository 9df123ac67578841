"""`python -m ldm study sd1`: what Stable Diffusion 1.x costs at full size."""

from pathlib import Path
from typing import Annotated

import typer


def sd1(
    repeats: Annotated[int, typer.Option(min=1, help="Steps and floors, in turns.")] = 2,
    drawing_steps: Annotated[int, typer.Option(min=1, help="Steps of the sampler, for the first picture.")] = 2,
    out: Annotated[Path, typer.Option(help="Where weights (2 GB), photos and a run go.")] = Path("outputs/studies/sd1"),
    gpu_memory: Annotated[
        bool,
        typer.Option("--gpu-memory", help="Measure this alone: memory of training steps on a GPU, if there is one."),
    ] = False,
    document: Annotated[bool, typer.Option(help="Write the section of docs/measurements.md too.")] = True,
) -> None:
    """Random weights at full size: loading, a training step beside its floor, memory, the first picture.

    Example: python -m ldm study sd1 --repeats 3
    """
    from evaluation.studies.sd1 import run
    from evaluation.studies.sd1_memory import run as measure_memory

    if gpu_memory:
        measure_memory(out, document)
        return
    run(repeats, drawing_steps, out, document)
