"""Training steps as they are written on the command line: helpers of commands."""

from typing import Annotated, Literal

import typer

Step = Annotated[str, typer.Option(help="Training step, from 0: a number, last, or best (the one marked).")]


def parse_step(text: str) -> int | Literal["best"] | None:
    """``"199"`` as 199, ``"best"`` as it is, ``"last"`` as None.

    Raises:
        ValueError: it is none of these.
    """
    word = text.strip()
    if word == "best":
        return "best"
    if word == "last":
        return None
    if not word.isdecimal():
        raise ValueError(f"--step {text!r}: write a training step, counted from 0, last, or best")
    return int(word)


def parse_steps(text: str) -> list[int | Literal["best"] | None]:
    """``"199,last"`` as [199, None].

    Raises:
        ValueError: it is neither a list of numbers, nor "last" or "best".
    """
    try:
        return [parse_step(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"--step {text!r}: write training steps with commas between, like 199,399, or last, or best"
        ) from None
