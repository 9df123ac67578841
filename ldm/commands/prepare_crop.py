"""`python -m ldm prepare crop IN OUT`: photos of any shape to numbered pictures of one size."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def crop(
    photos: Annotated[Path, typer.Argument(metavar="IN", help="Folder of photos; only read.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for 000001.jpg, ...; added to, never wiped.")],
    width: Annotated[int, typer.Option(min=16, help="Of a picture, in pixels.")] = 512,
    height: Annotated[int, typer.Option(min=16, help="Of a picture, in pixels.")] = 512,
    png: Annotated[bool, typer.Option("--png", help="Transparency becomes black instead of white.")] = False,
    center: Annotated[bool, typer.Option("--center", help="Cut in the middle, whatever is there.")] = False,
    zoom: Annotated[float, typer.Option(min=1.0, help="Times the face's height that a picture shows.")] = 3.0,
    backend: Annotated[str, typer.Option(help="Finds faces; see align.")] = "auto",
) -> None:
    """Cut every photo around its largest face, as training on photos of people wants it.

    OUT/sources.csv says which photo each picture is from; captions (.txt) go along. Run it again to add photos: what is
    done is skipped. The exit code is 1 if a photo failed, 2 if nothing could be done.

    Example: python -m ldm prepare crop PHOTOS data/photos --width 512 --height 768
    """
    from ldm.commands.bars import bar
    from ldm.faces.backend import load_backend
    from ldm.faces.photos import list_photos
    from ldm.runs.crop_folder import CropFolder, crop_all

    try:
        todo = list_photos(photos, leave_out=out)
        find = None if center else load_backend(backend).largest
        folder = CropFolder(out, photos, width, height, find, zoom, png)
    except (OSError, ValueError, RuntimeError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    with bar("crop", len(todo)) as advance:
        made, skipped, failures = crop_all(folder, todo, advance)
    for photo, reason in failures:
        print(f"failed: {photo.relative_to(photos)}: {reason.replace(f'{photo} ', '')}", file=sys.stderr)
    print(f"{made} cut, {skipped} skipped (already done), {len(failures)} failed: {out}")
    if failures:
        raise typer.Exit(1)
