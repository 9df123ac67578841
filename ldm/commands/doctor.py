"""Look at photos before learning from them: what is wrong, and a cleaned copy."""

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    photos: Annotated[
        Path, typer.Argument(metavar="PHOTOS", help="Folder of photos; only read. A sub-folder, a person.")
    ],
    fix: Annotated[Path | None, typer.Option(help="Write a cleaned, aligned copy there.")] = None,
    size: Annotated[int, typer.Option(min=32, max=4096, help="Side of a training picture in pixels.")] = 512,
    min_face: Annotated[int, typer.Option(min=1, help="Smaller faces are a fault, pixels.")] = 64,
    backend: Annotated[str, typer.Option(help="yunet-sface, glint360k, an insightface pack, or auto.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Where the report goes; default: outputs/doctor/PHOTOS.")] = None,
) -> None:
    """Find what is wrong with photos: unreadable, turned, small, blurred, too dark or bright, doubled, without a face,
    with several, of somebody else. Writes a contact sheet with a reason for each photo, as HTML, JSON and CSV.

    Photos without a sub-folder are taken for one person's. The source is never changed.

    Example:

      python -m ldm doctor PHOTOS --fix CLEANED
    """
    from dataclasses import replace

    from evaluation.report import write_report
    from ldm.commands.bars import bar
    from ldm.faces.backend import load_backend
    from ldm.faces.faults import Thresholds
    from ldm.faces.photos import list_photos
    from ldm.files import require_writable
    from ldm.runs.aligned_folder import require_apart
    from ldm.runs.doctor import diagnose
    from ldm.runs.doctor import fix as write_fixed
    from ldm.runs.doctor_report import report

    nets = load_backend(backend)
    limits = replace(Thresholds(), min_face_px=float(min_face))
    found_here, place = list_photos(photos, fix), out or Path("outputs/doctor") / photos.resolve().name
    require_writable(place)
    if fix is not None:
        require_apart(fix, photos)  # now, not after a look at every photo
    with bar("look", len(found_here)) as advance:
        found = diagnose(photos, nets, size, fix, limits, advance)
    made = report(found)
    page = write_report(place, made)
    print(made.lead)
    for verdict in found.verdicts:
        if verdict.faults:
            mark = "left out" if verdict.left_out else "mended"
            print(f"{verdict.checkup.path}: {mark}: " + "; ".join(f"{f.kind} ({f.reason})" for f in verdict.faults))
    for notice in made.notices:
        print(f"note: {notice}")
    if fix is not None and not found.kept:
        raise ValueError(f"no photo in {photos} can be learned from, so there is nothing to write to {fix}; see {page}")
    if fix is not None:
        folder, failed, gone = write_fixed(found, fix, nets, size)
        for line in failed:
            typer.secho(f"failed: {line}", fg="red", err=True)
        if gone:
            print(f"{gone} cleaned before and not to be learned from any more: removed from {fix}")
        print(f"{len(found.kept) - len(failed)} cleaned photos in {fix}, listed in {folder.manifest}")
    print(f"open {page}")
