"""BP4D (Zhang et al. 2014): occurrences and intensities by subject, task and frame."""

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from ldm.data.action_units.facs import BP4D
from ldm.data.action_units.frames import PICTURES, frames_of, report_unmatched
from ldm.data.action_units.sample import AuDataError, AuSample, Oddities, intensity_of, kept, occurrence_of

Labels = dict[tuple[str, str], dict[int, dict[int, bool | None]]]
Grades = dict[tuple[str, str], dict[int, dict[int, float | None]]]

_OCC = re.compile(r"([FM][0-9]{3})_(T[0-9]+)\.csv", re.IGNORECASE)
_INT = re.compile(r"([FM][0-9]{3})_(T[0-9]+)_AU([0-9]+)\.csv", re.IGNORECASE)

FOLDS: tuple[tuple[str, ...], ...] = (
    ("F001", "M007", "F018", "F008", "F002", "M004", "F010", "F009", "M012", "M001", "F016", "M014", "F023", "M008"),
    ("M011", "F003", "M010", "M002", "F005", "F022", "M018", "M017", "F013", "M016", "F020", "F011", "M013", "M005"),
    ("F007", "F015", "F006", "F019", "M006", "M009", "F012", "M003", "F004", "F021", "F017", "M015", "F014"),
)
"""The three folds of the literature, as in the lists of ME-GraphAU (Luo et al. 2022)."""

DEPTHS = ("", "*/", "*/*/")
"""How far in the subjects' folders of pictures may lie."""

LAYOUT = (
    "AUCoding/AU_OCC/F001_T1.csv (first row 0,1,2,... the units; first column the frame; 0, 1 or 9) or "
    "AU_INT/AU06/F001_T1_AU06.csv (frame,intensity), and pictures F001/T1/2440.jpg"
)


def read_bp4d(folder: Path, odd: Oddities, units: Sequence[int] = BP4D, pictures: Path | None = None) -> list[AuSample]:
    """The labelled frames of BP4D. Where only intensities were coded, a unit is present from 1 (trace) on.

    Args:
        folder: the data set's; coding and pictures lie anywhere in it.
        odd: takes what is odd.
        units: which are wanted.
        pictures: where F001/T1 lie, if not in ``folder``.

    Raises:
        AuDataError: the tree is of another layout.
    """
    occurrences, intensities = _occurrences(folder, odd, units), _intensities(folder, odd, units)
    if not occurrences and not intensities:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) if folder.is_dir() else "no such folder"
        raise AuDataError(f"{folder} does not look like BP4D: found {there or 'nothing'}; expected {LAYOUT}")
    samples = []
    for subject, task in sorted(occurrences.keys() | intensities.keys()):
        present, grades = occurrences.get((subject, task), {}), intensities.get((subject, task), {})
        where = _pictures(pictures or folder, subject, task)
        if where is None:
            odd.add("label without picture", f"{subject}/{task}: no such folder", len(present.keys() | grades.keys()))
            continue
        frames = frames_of(where, odd)
        report_unmatched(present.keys() | grades.keys(), frames, f"{subject}/{task}", odd)
        for frame in sorted((present.keys() | grades.keys()) & frames.keys()):
            intensity = grades.get(frame, {})
            derived = {unit: None if grade is None else grade >= 1 for unit, grade in intensity.items()}
            occurrence = derived | present.get(frame, {})
            meta = {"gender": "female" if subject[0] == "F" else "male", "age": "young"}  # 18 to 29 years
            samples.append(AuSample(frames[frame], subject, task, frame, occurrence, intensity, meta))
    _report_uncoded(pictures or folder, occurrences.keys() | intensities.keys(), odd)
    return kept(samples, odd)


def _files(folder: Path, pattern: re.Pattern[str], part: str) -> Iterator[tuple[Path, re.Match[str]]]:
    """The coding files below a folder whose path has ``part`` in it."""
    for path in sorted(folder.rglob("*.csv")) if folder.is_dir() else ():
        match = pattern.fullmatch(path.name)
        if match and part in path.as_posix().upper():
            yield path, match


def _occurrences(folder: Path, odd: Oddities, units: Sequence[int]) -> Labels:
    """By subject and task, frame and unit."""
    found: Labels = {}
    for path, match in _files(folder, _OCC, "AU_OCC"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
        header = {cell.strip(): place for place, cell in enumerate(rows[0])} if rows else {}
        if not header or rows[0][0].strip() not in ("0", "frame", "Frame"):
            odd.add("coding file without a header row", path)
            continue
        columns = {unit: header[str(unit)] for unit in units if str(unit) in header}
        for unit in units:
            if unit not in columns:
                odd.add(f"coding without AU{unit}", path)
        frames = found.setdefault((match[1].upper(), match[2].upper()), {})
        for number, row in enumerate(rows[1:], 2):
            where = f"{path}, line {number}"
            if not row[0].strip().isdecimal() or len(row) <= max(columns.values(), default=0):
                odd.add("broken row", where)
                continue
            if (frame := int(row[0])) in frames:
                odd.add("duplicated frame", where)
                continue
            frames[frame] = {unit: occurrence_of(row[place], where, odd) for unit, place in columns.items()}
    return found


def _intensities(folder: Path, odd: Oddities, units: Sequence[int]) -> Grades:
    """By subject and task, frame and unit."""
    found: Grades = {}
    for path, match in _files(folder, _INT, "AU_INT"):
        unit = int(match[3])
        if unit not in units:
            continue
        frames = found.setdefault((match[1].upper(), match[2].upper()), {})
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.reader(file), 1):
                where = f"{path}, line {number}"
                if len(row) < 2 or not row[0].strip().isdecimal():
                    if row:
                        odd.add("broken row", where)
                    continue
                grades = frames.setdefault(int(row[0]), {})
                if unit in grades:
                    odd.add("duplicated frame", where)
                else:
                    grades[unit] = intensity_of(row[1], where, odd)
    return found


def _pictures(folder: Path, subject: str, task: str) -> Path | None:
    """Where the pictures of a subject's task lie: ``F001/T1`` in the folder, or one or two folders further in."""
    for pattern in DEPTHS:
        for path in sorted(folder.glob(f"{pattern}{subject}/{task}")):
            if path.is_dir():
                return path
    return None


def _report_uncoded(folder: Path, coded: Collection[tuple[str, str]], odd: Oddities) -> None:
    """Count the pictures of tasks that have no coding at all."""
    for pattern in DEPTHS:
        for path in sorted(folder.glob(f"{pattern}[FM][0-9][0-9][0-9]/T[0-9]*")):
            if path.is_dir() and (path.parent.name, path.name) not in coded:
                count = sum(one.suffix.lower() in PICTURES for one in path.iterdir())
                if count:
                    odd.add("picture without label", f"{path.parent.name}/{path.name}: no coding", count)
