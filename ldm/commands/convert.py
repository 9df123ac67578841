"""Turn files of one form into another."""

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="Turn files of one form into another.")


@app.callback()
def group() -> None:
    """Turn files of one form into another."""


@app.command()
def people(
    source: Annotated[Path, typer.Argument(metavar="IN", help="embeddings_gs-N.safetensors, or CelebBasis's .pt.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder; for ours a .safetensors file.")],
    to: Annotated[Literal["a1111", "diffusers", "ours"], typer.Option(help="The form to write.")] = "diffusers",
    basis: Annotated[
        Path | None,
        typer.Option(help="Its basis: basis-<hash>.safetensors or celeb_basis.pt; default: the one beside IN."),
    ] = None,
    names: Annotated[str | None, typer.Option(help="What to call the people, like ann,bob; default: sks, ks.")] = None,
    who: Annotated[
        str | None, typer.Option("--people", help="Which people, like 0,1; default: all that were trained.")
    ] = None,
) -> None:
    """People on a celeb basis as token vectors for other programs, or CelebBasis's files as ours.

    Example:

      python -m ldm convert people logs/RUN/checkpoints/embeddings_gs-799.pt out --to a1111 --basis celeb_basis.pt
    """
    from ldm.commands.generate import parse_people
    from ldm.modules.artifacts import write_artifact
    from ldm.weights.people import artifact_of, find_basis, read_basis, read_people
    from ldm.weights.textual_inversion import tokens_of, write_a1111, write_diffusers

    found = read_people(source, read_basis(basis or find_basis(source)))
    if who is not None:
        found = found.only(parse_people(who))
    if to == "ours":
        if out.suffix != ".safetensors":
            raise ValueError(f"{out}: our form is one file: give OUT a name that ends in .safetensors")
        print(write_artifact(out, artifact_of(found)))
        return
    called = found.called() if names is None else [name.strip() for name in names.split(",")]
    for token, place, vectors in zip(tokens_of(called, len(found.places)), found.places, found.vectors, strict=True):
        stem = out / token.strip("<>")
        if to == "a1111":
            print(write_a1111(stem.with_suffix(".pt"), token, vectors, 0, ""))
        else:
            print(write_diffusers(stem.with_suffix(".safetensors"), token, vectors, {"person": str(place)}))
