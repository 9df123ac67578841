"""``python -m ldm <command>``: finds the commands, imports only the one that is called."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ldm.commands import find_commands, load_command, program_name, set_up_logging, short_errors


class LateGroup(TyperGroup):
    """Lists its commands from their files' first lines and imports a command when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The real command instead of the line that stood for it in the list."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name else command, rest


app = typer.Typer(
    cls=LateGroup,
    no_args_is_help=True,
    add_completion=False,
    help="Put a person into a text-to-image diffusion model, and take pictures of them out.",
    epilog="Training: python main.py --base configs/stable-diffusion/celeb_basis.yaml -t",
)
for _name, _help in find_commands().items():
    app.command(_name, help=_help)(lambda: None)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"celebbasis-ldm {version('celebbasis-ldm')}")
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of every error.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """What holds for every command."""
    if debug:
        os.environ["LDM_DEBUG"] = "1"
    set_up_logging()


def main(args: Sequence[str] | None = None) -> None:
    """Run one command; leaves with its exit code."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported: idle threads must not spin
    with short_errors():
        typer.main.get_command(app)(list(sys.argv[1:] if args is None else args), prog_name=program_name())


if __name__ == "__main__":
    main()
