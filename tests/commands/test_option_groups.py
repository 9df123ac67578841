"""Options in groups: dataclasses on the inside, options on the outside."""

from dataclasses import dataclass, field
from typing import Annotated

import typer
from typer.testing import CliRunner

from ldm.commands.option_groups import grouped


@dataclass(frozen=True)
class Size:
    """A group."""

    width: Annotated[int, typer.Option(help="How wide.")] = 3
    names: Annotated[list[str], typer.Option(help="Several.")] = field(default_factory=list)


@grouped
def measure(size: Size, twice: Annotated[bool, typer.Option("--twice")] = False) -> int:
    """Measure."""
    result = size.width * (2 if twice else 1) + len(size.names)
    print(result)
    return result


def test_fields_are_options_and_come_together_again() -> None:
    app = typer.Typer(add_completion=False)
    app.command()(measure)
    run = CliRunner().invoke
    assert run(app, []).output == "3\n"
    assert run(app, ["--width", "5", "--twice", "--names", "a", "--names", "b"]).output == "12\n"
    assert "How wide." in run(app, ["--help"]).output
    assert run(app, ["--size", "5"]).exit_code == 2


def test_it_can_be_called_too() -> None:
    assert measure(width=4) == 4
    assert measure() == 3
