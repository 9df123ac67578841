"""Write the people of a run as files to share: for diffusers, A1111 and others."""

from pathlib import Path
from typing import Annotated

import typer

from ldm.commands.steps import Step, parse_step


def extract(
    run: Annotated[Path, typer.Option(help="The run: its folder or its name in logs/.")],
    sd: Annotated[Path | None, typer.Option(help="Weights the people shall be used with; checked to fit them.")] = None,
    step: Step = "last",
    out: Annotated[Path, typer.Option(help="Where the files go; added to.")] = Path("weights"),
    names: Annotated[
        str | None, typer.Option(help="What to call the people, like ann,bob; default: sks, ks, ...")
    ] = None,
) -> None:
    """Write the trained people of a run, and their celeb basis.

    Each person as vectors and coefficients (ti_id_embeddings/id_*), for A1111 (a1111/) and for diffusers (diffusers/).
    Other programs know them as <sks>, <ks> or <name>, in brackets.

    Example:

      python -m ldm extract --run logs/RUN --names ann,bob
    """
    from ldm.runs.extract import FOLDER, extract_people

    called = [] if names is None else [name.strip() for name in names.split(",")]
    people, basis = extract_people(run, sd, parse_step(step), out, called)
    for person in people:
        files = (file.relative_to(out / FOLDER).as_posix() for file in person.files)
        print(f"person {person.place} is {person.token} in {out / FOLDER}: {', '.join(files)}")
    print(f"celeb basis in {out}: {', '.join(file.name for file in basis)}")
