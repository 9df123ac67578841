"""Labels as CSV: our own table, and those of OpenFace and py-feat, by the names of their columns."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ldm.data.action_units.frames import Listed, frames_of
from ldm.data.action_units.sample import AuDataError, AuSample, Oddities, intensity_of, kept, number_of, occurrence_of
from ldm.files import write_text

META = ("gender", "ethnicity", "age")


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are called.

    Attributes:
        path: the picture; the first of these that is there.
        frame: its number in a folder, where there is no path.
        occurrence: pattern of a unit's occurrence, its number in the group.
        intensity: pattern of its intensity.
        probability_from: occurrences are probabilities, and this much is present; None: they are 0 and 1.
        named: unit -> the column of its occurrence, for tables whose names are wrong. Such a column says nothing of the
            unit that it is called after.
        graded: unit -> the column of its intensity, likewise.
        absent: what stands for an absent unit, where that is not 0.
        subject: who is on a picture; the name of its folder where there is no such column.
        face: whether a face was found, 0 where not: such a row says nothing, though its cells are 0.
    """

    path: tuple[str, ...] = ("path", "file_name", "image", "filename", "input")
    frame: str = "frame"
    occurrence: str = r"AU0*([0-9]+)"
    intensity: str = r"AU0*([0-9]+)_(?:intensity|int)"
    probability_from: float | None = None
    named: Mapping[int, str] = field(default_factory=dict)
    graded: Mapping[int, str] = field(default_factory=dict)
    absent: str = "0"
    subject: str = "subject"
    face: str = ""


TABLES = {
    "plain": Columns(),
    "openface": Columns(occurrence=r"AU0*([0-9]+)_c", intensity=r"AU0*([0-9]+)_r", face="success"),
    "pyfeat": Columns(intensity=r"(?!)", probability_from=0.5),
    "celeba": Columns(
        ("image_id", "filename"),
        named={12: "Smiling", 25: "Mouth_Slightly_Open"},
        absent="-1",
        subject="identity",
    ),
}


def read_table(
    file: Path,
    odd: Oddities,
    columns: Columns,
    units: Sequence[int] | None = None,
    pictures: Path | None = None,
) -> list[AuSample]:
    """The labelled pictures of a CSV table.

    Args:
        file: the table.
        odd: takes what is odd.
        columns: what its columns are called.
        units: which are wanted; None takes all that it has.
        pictures: what its paths are relative to, or the folder of its frames; the table's own if not given.

    Raises:
        AuDataError: it names no unit, or neither pictures nor frames.
    """
    if not file.is_file():
        raise AuDataError(f"there is no table {file}")
    with file.open(encoding="utf-8-sig", newline="") as opened:
        head, *rows = [row for row in csv.reader(opened) if row] or [[]]
    header = [name.strip() for name in head]
    present, grades = _units(header, columns)
    path_column = next((name for name in columns.path if name in header), None)
    if (not present and not grades) or (path_column is None and columns.frame not in header):
        raise AuDataError(
            f"{file} has the columns {', '.join(header[:12]) or 'none'}; expected one of {', '.join(columns.path)} or "
            f"{columns.frame!r}, and units like {columns.occurrence} or {columns.intensity}"
        )
    for unit in sorted(set(units or ()) - present.keys() - grades.keys()):
        odd.add(f"coding without AU{unit}", file)
    wanted = set(units) if units else present.keys() | grades.keys()
    frames = {} if path_column else frames_of(pictures or file.parent, odd)
    samples, seen, listed = [], set[Path](), Listed()
    for number, cells in enumerate(rows, 2):
        where, row = f"{file}, line {number}", dict(zip(header, cells, strict=False))
        if len(cells) != len(header):
            odd.add("broken row", f"{where}: {len(cells)} cells, {len(header)} columns")
            continue
        path = _path(row, path_column, columns, frames, pictures or file.parent, listed)
        if row.get(columns.face, "").strip() in ("0", "0.0"):
            odd.add("no face in the picture", where)
            seen |= {path} if path else set()
        elif path is None:
            odd.add("label without picture", where)
        elif path in seen:
            odd.add("duplicated frame", where)
        else:
            occurrence = {u: _occurrence(row[c], where, odd, columns) for u, c in present.items() if u in wanted}
            intensity = {u: intensity_of(row[c], where, odd) for u, c in grades.items() if u in wanted}
            derived = {u: None if grade is None else grade >= 1 for u, grade in intensity.items()}
            meta = {key: row[key] for key in META if row.get(key)}
            subject = row.get(columns.subject) or path.parent.name
            frame = int(row[columns.frame]) if row.get(columns.frame, "").isdecimal() else None
            samples.append(AuSample(path, subject, row.get("task", ""), frame, derived | occurrence, intensity, meta))
            seen.add(path)
    if silent := sorted(number for number, path in frames.items() if path not in seen):
        odd.add("picture without label", f"{pictures or file.parent}, frame {silent[0]}", len(silent))
    return kept(samples, odd)


def write_table(
    file: Path, samples: Sequence[AuSample], root: Path, more: Mapping[str, Sequence[object]] | None = None
) -> None:
    """Write the plain table of ``samples``; 9 is unknown.

    Args:
        file: the table.
        samples: its rows.
        root: paths below it are written relative to it.
        more: further columns by name, a value for each sample.
    """
    more = more or {}
    units = sorted({unit for sample in samples for unit in sample.occurrence})
    graded = sorted({unit for sample in samples for unit in sample.intensity})
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    head = ["path", "subject", "task", "frame", *META]
    rows.writerow([*head, *(f"AU{unit}" for unit in units), *(f"AU{unit}_intensity" for unit in graded), *more])
    for place, sample in enumerate(samples):
        path = sample.path.relative_to(root) if sample.path.is_relative_to(root) else sample.path
        there = [sample.occurrence.get(unit) for unit in units]
        grades = [sample.intensity.get(unit) for unit in graded]
        rows.writerow([
            path.as_posix(), sample.subject, sample.task, "" if sample.frame is None else sample.frame,
            *(sample.meta.get(key, "") for key in META),
            *("9" if one is None else str(int(one)) for one in there),
            *("9" if one is None else f"{one:g}" for one in grades),
            *(column[place] for column in more.values()),
        ])  # fmt: skip
    write_text(file, text.getvalue())


def _units(header: Sequence[str], columns: Columns) -> tuple[dict[int, str], dict[int, str]]:
    """Unit -> column of its occurrence, and of its intensity."""
    declared = [*columns.named.values(), *columns.graded.values()]
    if missing := [name for name in declared if name not in header]:
        raise AuDataError(f"there is no column {missing[0]!r}; there are {', '.join(header)}")
    free = [name for name in header if name not in declared]
    present, grades = (_called(free, pattern) for pattern in (columns.occurrence, columns.intensity))
    return {**present, **columns.named}, {**grades, **columns.graded}


def _called(header: Sequence[str], pattern: str) -> dict[int, str]:
    """Unit -> column, for the columns that are called so."""
    matches = {name: re.fullmatch(pattern, name, re.IGNORECASE) for name in header}
    return {int(match[1]): name for name, match in matches.items() if match}


def _path(
    row: Mapping[str, str],
    column: str | None,
    columns: Columns,
    frames: Mapping[int, Path],
    root: Path,
    listed: Listed,
) -> Path | None:
    if column is not None:
        return listed.find(root / row[column])
    number = row[columns.frame].strip()
    return frames.get(int(number)) if number.isdecimal() else None


def _occurrence(cell: str, where: str, odd: Oddities, columns: Columns) -> bool | None:
    if columns.probability_from is None:
        return occurrence_of("0" if cell.strip() == columns.absent else cell, where, odd)
    value = number_of(cell, where, odd, unknown=("", "nan"))
    if value is None:
        return None
    if not 0 <= value <= 1:
        odd.add("probability outside 0 to 1", f"{where}: {cell!r}")
        return None
    return value >= columns.probability_from
