"""`python -m ldm align IN OUT`: photos in, aligned faces and their manifest out."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ldm.commands.bars import bar

if TYPE_CHECKING:
    from ldm.data.manifest import Record
    from ldm.faces.cut import Cut
    from ldm.runs.aligned_folder import AlignedFolder


def align(
    photos: Annotated[
        Path, typer.Argument(metavar="IN", help="Folder of photos; only read. One sub-folder, one person.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the aligned faces; added to, never wiped.")],
    size: Annotated[int, typer.Option(min=32, max=4096, help="Side of an aligned face in pixels.")] = 512,
    mode: Annotated[
        Literal["ffhq", "arcface"],
        typer.Option(help="ffhq: head and hair, for training. arcface: the tight crop of face networks."),
    ] = "ffhq",
    faces: Annotated[
        Literal["largest", "all", "one"],
        typer.Option(help="Which faces of a photo. all writes name_0, name_1, …; one refuses photos with several."),
    ] = "largest",
    min_face: Annotated[int, typer.Option(min=1, help="Smaller faces are not taken, pixels.")] = 64,
    backend: Annotated[
        str,
        typer.Option(help="yunet-sface, glint360k, an insightface pack or its folder, or auto (the best one here)."),
    ] = "auto",
) -> None:
    """Cut aligned faces out of the photos in IN, into OUT, OUT.jsonl and OUT.pickle.

    Run it again to add photos: what is done is skipped. The exit code is 1 if a photo failed.
    """
    from ldm.data.manifest import ManifestError, Record
    from ldm.faces.backend import load_backend
    from ldm.faces.cut import cut_faces
    from ldm.faces.insightface_pack import PackError
    from ldm.faces.model_files import ModelFileError
    from ldm.faces.photos import PhotoError, list_photos, read_photo
    from ldm.runs.aligned_folder import AlignedFolder, OutputError

    try:
        todo = list_photos(photos, leave_out=out)
        nets = load_backend(backend)
        folder = AlignedFolder(out, photos)
    except (OSError, PhotoError, PackError, ModelFileError, OutputError, ManifestError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    wanted = f"{faces}, at least {min_face} px"
    like = Record(
        Path(), "", mode=mode, size=size, detector=nets.detector.name, encoder=nets.encoder.name, wanted=wanted
    )

    def cut(photo: Path) -> "tuple[list[Cut], int]":
        return cut_faces(read_photo(photo), nets, size, mode, faces, min_face)

    aligned, skipped, failures = _align_all(todo, folder, like, cut)
    _report(photos, failures)
    print(f"{aligned} aligned, {skipped} skipped (already done), {len(failures)} failed: {_shown(folder.manifest)}")
    if failures:
        raise typer.Exit(1)


def _align_all(
    photos: Sequence[Path], folder: "AlignedFolder", like: "Record", cut: "Callable[[Path], tuple[list[Cut], int]]"
) -> tuple[int, int, list[tuple[Path, str]]]:
    """How many photos were aligned, how many were done before, which failed and why. The lists are always written."""
    from ldm.runs.aligned_folder import OutputError, sha256_of

    aligned, skipped, failures = 0, 0, []
    try:
        with bar("align", len(photos)) as advance:
            for photo in photos:
                try:
                    this = replace(like, source_sha256=sha256_of(photo))
                    if folder.is_done(photo, this):
                        skipped += 1
                    else:
                        cuts, found = cut(photo)
                        folder.add(photo, cuts, replace(this, faces=found))
                        aligned += 1
                except (ValueError, OutputError, OSError) as error:
                    failures.append((photo, str(error)))
                advance(1)
    finally:
        folder.finish()
    return aligned, skipped, failures


def _report(photos: Path, failures: Sequence[tuple[Path, str]]) -> None:
    """The photos that failed and why, on stderr: a table on a terminal, a line each in a log."""
    rows = [(str(photo.relative_to(photos)), reason.replace(f"{photo} ", "")) for photo, reason in failures]
    if not sys.stderr.isatty():
        for name, reason in rows:
            print(f"failed: {name}: {reason}", file=sys.stderr)
    elif rows:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table("photo", "what was wrong", title="Failed")
        for name, reason in rows:
            table.add_row(escape(name), escape(reason))
        Console(stderr=True).print(table)


def _shown(path: Path) -> Path:
    """``path`` from the current folder where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
