"""Download Stable Diffusion 1.x or face networks, on a machine with a network."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def fetch(
    what: Annotated[Literal["sd-v1-4", "sd-v1-5", "face-nets"], typer.Argument(help="What to download.")],
    root: Annotated[Path, typer.Option(help="The folder in which weights/ lies.")] = Path(),
    show: Annotated[bool, typer.Option("--show", help="Only say what would be downloaded.")] = False,
) -> None:
    """Download weights into weights/, after address, size, SHA-256 and licence were shown.

    A download that broke off goes on where it stopped. Set HF_TOKEN for files that ask for a login.

    Example:

      python -m ldm fetch sd-v1-5

      python -m ldm fetch face-nets --show
    """
    from ldm.commands.bars import bar
    from ldm.weights.fetch import SOURCES, is_there
    from ldm.weights.fetch import fetch as fetched

    for remote in SOURCES[what]:
        print(f"address  {remote.url}")
        print(f"size     {remote.size:,} bytes ({remote.size / 2**30:.2f} GiB)")
        print(f"sha256   {remote.sha256}")
        print(f"licence  {remote.licence}")
        print(f"place    {root / remote.place}" + (f": {', '.join(remote.members)}" if remote.members else ""))
    if show:
        return
    for remote in SOURCES[what]:
        if is_there(remote, root):
            print(f"{root / remote.place} is there already")
            continue
        with bar(remote.place.name, remote.size) as advance:
            files = fetched(remote, root, advance)
        print(*files, sep="\n")
