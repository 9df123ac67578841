"""`python -m ldm prepare au --source bp4d IN OUT`: action unit labels to captions beside the pictures."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ldm.data.action_units.sample import AuSample, Oddities


def au(
    labels: Annotated[Path, typer.Argument(metavar="IN", help="The data set's folder, or the list or table.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for pictures and captions; added to.")],
    source: Annotated[Literal["bp4d", "disfa", "list", "csv"], typer.Option(help="What IN is.")],
    mode: Annotated[
        Literal["index", "code", "phrase", "sentence"],
        typer.Option(help="AU_6; AU12; Asian,female,close-up,...,lip-corner-puller; or a sentence."),
    ] = "phrase",
    units: Annotated[str, typer.Option(help="Which, as 1,2,4; the source's own twelve if not given.")] = "",
    pictures: Annotated[Path | None, typer.Option(help="Where the pictures lie, if not in IN.")] = None,
    label_list: Annotated[Path | None, typer.Option("--labels", help="Of a pair of lists: the label list.")] = None,
    table: Annotated[
        Literal["plain", "openface", "pyfeat", "celeba"], typer.Option(help="Of a csv: how its columns are called.")
    ] = "plain",
    column: Annotated[
        list[str] | None,
        typer.Option(help="Of a csv with other names: 12=AU02_c, 12_intensity=AU02_r; may be given several times."),
    ] = None,
    people: Annotated[Path | None, typer.Option(help="CSV with subject and any of gender, ethnicity, age.")] = None,
    only_folds: Annotated[
        str, typer.Option("--folds", help="Only the subjects of these folds of three, as 1,2: the rest is for tests.")
    ] = "",
    copy: Annotated[bool, typer.Option("--copy", help="Copy pictures instead of linking to them.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first odd thing.")] = False,
) -> None:
    """Read labels in a public layout and write a folder to train on.

    Beside each picture lies its caption; labels.csv, base_rates.csv, action_units.npz and report.json say the rest.
    9 is unknown, never absent. What is odd is counted; the exit code is 1 if anything was.

    Example: python -m ldm prepare au --source bp4d BP4D data/bp4d --mode sentence --people people.csv
    """
    from ldm.commands.bars import bar
    from ldm.data.action_units import facs
    from ldm.data.action_units.people import in_folds, read_people, with_people
    from ldm.data.action_units.sample import Oddities
    from ldm.data.action_units.statistics import base_rates
    from ldm.data.action_units.statistics import table as rate_table
    from ldm.runs.au_folder import AuFolder

    wanted = [facs.known_unit(asked.unit) for asked in facs.parse_asked(units)] if units else None
    odd = Oddities(strict)
    samples = _read(labels, odd, source, wanted, pictures, label_list, table, column or [])
    known = sorted({unit for one in samples for unit in one.occurrence}) if source == "csv" else None
    said = wanted or known or list(facs.DISFA if source == "disfa" else facs.BP4D)
    if only_folds:
        samples = in_folds(samples, source, only_folds)
    if people is not None:
        samples = with_people(samples, read_people(people))
    with bar("write", len(samples)) as advance:
        written = AuFolder(out, source, mode, said, copy).write(samples, odd, advance)
    print(*rate_table(base_rates(written)), sep="\n")
    for line in odd.lines():
        print(f"odd: {line}", file=sys.stderr)
    print(f"{len(written)} pictures of {len({one.subject for one in written})} subjects: {out}")
    if odd.counts:
        raise typer.Exit(1)


def _read(
    labels: Path,
    odd: "Oddities",
    source: str,
    units: list[int] | None,
    pictures: Path | None,
    label_list: Path | None,
    table: str,
    column: list[str],
) -> "list[AuSample]":
    from dataclasses import replace

    from ldm.data.action_units import facs
    from ldm.data.action_units.bp4d import read_bp4d
    from ldm.data.action_units.disfa import read_disfa
    from ldm.data.action_units.lists import read_lists
    from ldm.data.action_units.tables import TABLES, read_table

    if source == "bp4d":
        return read_bp4d(labels, odd, units or facs.BP4D, pictures)
    if source == "disfa":
        return read_disfa(labels, odd, units or facs.DISFA, pictures)
    if source == "list":
        return read_lists(labels, odd, units or facs.BP4D, pictures, label_list)
    named: dict[int, str] = {}
    graded: dict[int, str] = {}
    for one in column:
        key, _, name = one.partition("=")
        unit = key.removesuffix("_intensity")
        if not unit.isdecimal() or not name:
            raise ValueError(
                f"--column {one}: a unit's number and a column wanted, as 12=AU02_c or 12_intensity=AU02_r"
            )
        (graded if unit != key else named)[facs.known_unit(int(unit))] = name
    columns = TABLES[table]
    columns = replace(columns, named={**columns.named, **named}, graded={**columns.graded, **graded})
    return read_table(labels, odd, columns, units, pictures)
