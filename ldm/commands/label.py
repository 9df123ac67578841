"""Label pictures: what faces do."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ldm.runs.au_labels import Judged, Measure

app = typer.Typer(help=__doc__, no_args_is_help=True)


@app.callback()
def label() -> None:
    """Label pictures: what faces do."""


@app.command()
def au(
    pictures: Annotated[Path, typer.Argument(metavar="IN", help="Folder of pictures; only read.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.csv", help="The table of labels to write.")],
    landmarker: Annotated[Path | None, typer.Option(help="MediaPipe's face_landmarker.task.")] = None,
    by: Annotated[
        Literal["blendshapes", "py-feat"], typer.Option(help="Who measures; py-feat where it is installed.")
    ] = "blendshapes",
    truth: Annotated[Path | None, typer.Option(help="CSV with people's labels of some of the pictures.")] = None,
    table: Annotated[str, typer.Option(help="How its columns are called: plain, openface, pyfeat, celeba.")] = "plain",
    calibration: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of subjects that set thresholds.")] = 0.3,
    rate: Annotated[float, typer.Option(min=0.01, max=0.99, help="Present, where no people's labels are.")] = 0.2,
    weak: Annotated[bool, typer.Option("--weak", help="Also AU6 and AU9, for which the network hardly moves.")] = False,
    backend: Annotated[str, typer.Option(help="Finds faces; see align.")] = "auto",
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first picture that fails.")] = False,
) -> None:
    """Measure action units of each face, by 52 blendshapes or by py-feat; write a table that `prepare au` reads.

    Thresholds are set on a share of the subjects (the folders' names, or the table's subjects): by people's labels
    where there are some, elsewhere so that a given share of the pictures has the unit. What was measured is kept
    beside OUT: called again, it goes on. The exit code is 1 if a picture failed, or a row of the table is odd.

    Example: python -m ldm label au CELEBA/images labels.csv --landmarker face_landmarker.task --truth
    CELEBA/attributes.csv --table celeba
    """
    from ldm.commands.bars import bar
    from ldm.data.action_units.sample import AuSample, Oddities
    from ldm.data.action_units.tables import TABLES, read_table, write_table
    from ldm.faces.photos import list_photos
    from ldm.files import write_json
    from ldm.runs.au_labels import Scores, label

    if table not in TABLES:
        raise ValueError(f"--table {table}: there are {', '.join(TABLES)}")
    measure = _measure(by, landmarker, backend)
    todo, odd = list_photos(pictures), Oddities()
    said: dict[Path, AuSample] = {}
    if truth is not None:
        said = {one.path: one for one in read_table(truth, odd, TABLES[table], None, pictures)}
    scores = Scores(out.with_suffix(f".{by}.jsonl"), pictures)
    with bar("measure", len(todo)) as advance:
        failures = scores.measure(todo, measure, advance, strict)
    measured = {path: scores.rows[path] for path in todo if path in scores.rows}
    if not measured:
        raise ValueError(f"no face was measured in {len(todo)} pictures, first: {failures[0][0]}: {failures[0][1]}")
    subjects = {path: said[path].subject if path in said else path.parent.name for path in measured}
    people = {path: dict(one.occurrence) for path, one in said.items()}
    samples, judged = label(measured, subjects, people, calibration, rate, weak, by)
    write_table(out, samples, pictures)
    write_json(out.with_suffix(".thresholds.json"), [one.to_json() for one in judged])
    for path, reason in failures:
        print(f"failed: {path.relative_to(pictures)}: {reason.replace(f'{path} ', '')}", file=sys.stderr)
    strange = [line for line in odd.lines() if "label without picture" not in line]  # a table may be of more pictures
    for line in strange:
        print(f"odd: {line}", file=sys.stderr)
    _show(judged)
    print(f"{len(samples)} labelled, {len(failures)} failed: {out}")
    then = ["python", "-m", "ldm", "prepare", "au", "--source", "csv", str(out), "FOLDER", "--pictures", str(pictures)]
    print(f"next: {shlex.join(then)}")
    if failures or strange:
        raise typer.Exit(1)


def _measure(by: str, landmarker: Path | None, backend: str) -> "Measure":
    """What is measured of the largest face of a picture."""
    from PIL import Image

    from ldm.faces.backend import load_backend
    from ldm.faces.blendshapes import WHERE, FaceLandmarker
    from ldm.faces.pyfeat import PyFeat

    if by == "py-feat":
        return PyFeat()
    if landmarker is None:
        raise ValueError(f"give --landmarker FILE: {WHERE}")
    network, faces = FaceLandmarker(landmarker), load_backend(backend)

    def measure(picture: Image.Image) -> dict[str, float] | None:
        face = faces.largest(picture)
        shape = network(picture, face) if face is not None else None
        return shape.scores if shape is not None else None

    return measure


def _show(judged: "list[Judged]") -> None:
    from ldm.data.action_units.facs import FACS

    print(
        f"{'unit':<30}{'threshold':>10}{'set by':>8}{'present':>9}{'AUC':>7}{'F1':>7}  (the last two on other subjects)"
    )
    for one in judged:
        against = f"{one.auc:>7.3f}{one.f1:>7.3f}" if one.auc is not None and one.f1 is not None else ""
        name = f"AU{one.unit} {FACS[one.unit].name}"
        print(f"{name:<30}{one.threshold.at:>10.4f}{one.threshold.how:>8}{one.present:>9.3f}{against}")
