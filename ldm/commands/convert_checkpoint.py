"""`python -m ldm convert checkpoint`: what a run trained, from a checkpoint of any strategy, as one file."""

from pathlib import Path
from typing import Annotated

import typer


def checkpoint(
    source: Annotated[Path, typer.Argument(help="A run's last.ckpt: a file, or a folder that DeepSpeed wrote.")],
    out: Annotated[Path, typer.Argument(help="The file to write, NAME.ckpt.")],
) -> None:
    """Trained parameters alone, in float32: `state_dict` of a .ckpt that torch.load reads with weights_only.

    Example: python -m ldm convert logs/RUN/checkpoints/last.ckpt trained.ckpt
    """
    from ldm.runs.one_file import one_file

    print(one_file(source, out))
