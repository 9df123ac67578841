"""DISFA (Mavadati et al. 2013): intensities by subject, unit and frame."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from ldm.data.action_units.facs import DISFA
from ldm.data.action_units.frames import PICTURES, frames_of, report_unmatched
from ldm.data.action_units.sample import AuDataError, AuSample, Oddities, intensity_of, kept

PRESENT_FROM = 2.0
"""A unit counts as present from this intensity on, in the protocol of the literature."""

FOLDS: tuple[tuple[str, ...], ...] = tuple(
    tuple(f"SN{number}" for number in fold.split())
    for fold in (
        "002 010 001 026 027 032 030 009 016",
        "013 018 011 028 012 006 031 021 024",
        "003 029 023 025 008 005 007 017 004",
    )
)
"""The three folds of the literature."""

LAYOUT = (
    "ActionUnit_Labels/SN001/SN001_au1.txt (frame,intensity from frame 1 on) and pictures in a folder with the "
    "subject's name, like img/SN001/0.png"
)
_SUBJECT = re.compile("SN[0-9]{3}")
_FILE = re.compile(r"(SN[0-9]{3})_au([0-9]+)\.txt", re.IGNORECASE)


def read_disfa(
    folder: Path, odd: Oddities, units: Sequence[int] = DISFA, pictures: Path | None = None
) -> list[AuSample]:
    """The labelled frames of DISFA. Labels count from 1; where a subject's pictures begin at 0, they are one behind.

    Args:
        folder: the data set's.
        odd: takes what is odd.
        units: which are wanted.
        pictures: where the subjects' pictures lie, if not in ``folder``.

    Raises:
        AuDataError: the tree is of another layout.
    """
    labels: dict[str, dict[int, dict[int, float | None]]] = {}
    there: dict[str, set[int]] = {}
    for path in sorted(folder.rglob("*.txt")) if folder.is_dir() else ():
        if (match := _FILE.fullmatch(path.name)) is None:
            continue
        subject, unit = match[1].upper(), int(match[2])
        there.setdefault(subject, set()).add(unit)
        if unit in units:
            _read(path, unit, labels.setdefault(subject, {}), odd)
    if not labels:
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) if folder.is_dir() else "no such folder"
        raise AuDataError(f"{folder} does not look like DISFA: found {found or 'nothing'}; expected {LAYOUT}")
    samples = []
    for subject, frames in sorted(labels.items()):
        for unit in units:
            if unit not in there[subject]:
                odd.add(f"coding without AU{unit}", subject)
        samples += _of_subject(subject, frames, pictures or folder, odd)
    _report_uncoded(pictures or folder, labels, odd)
    return kept(samples, odd)


def _of_subject(
    subject: str, labels: dict[int, dict[int, float | None]], folder: Path, odd: Oddities
) -> list[AuSample]:
    where = _pictures(folder, subject)
    if where is None:
        odd.add("label without picture", f"{subject}: no folder with pictures", len(labels))
        return []
    pictures = frames_of(where, odd)
    behind = 1 if 0 in pictures else 0
    frames = {number + behind: path for number, path in pictures.items()}
    report_unmatched(labels, frames, subject, odd)
    samples = []
    for frame in sorted(labels.keys() & frames.keys()):
        intensity = labels[frame]
        occurrence = {unit: None if grade is None else grade >= PRESENT_FROM for unit, grade in intensity.items()}
        samples.append(AuSample(frames[frame], subject, "", frame, occurrence, intensity))
    return samples


def _read(path: Path, unit: int, frames: dict[int, dict[int, float | None]], odd: Oddities) -> None:
    """Add a file's lines to ``frames``."""
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        cells, where = line.split(","), f"{path}, line {number}"
        if not line.strip():
            continue
        if len(cells) != 2 or not cells[0].strip().isdecimal():
            odd.add("broken row", where)
        elif unit in (grades := frames.setdefault(int(cells[0]), {})):
            odd.add("duplicated frame", where)
        else:
            grades[unit] = intensity_of(cells[1], where, odd)


def _pictures(folder: Path, subject: str) -> Path | None:
    """A folder named after the subject that holds pictures."""
    for path in sorted(folder.rglob(f"*{subject}*")):
        if path.is_dir() and any(one.suffix.lower() in PICTURES for one in path.iterdir()):
            return path
    return None


def _report_uncoded(folder: Path, coded: Collection[str], odd: Oddities) -> None:
    """Count the pictures of subjects who have no coding at all."""
    for path in sorted(folder.rglob("*SN[0-9][0-9][0-9]*")):
        subject = _SUBJECT.findall(path.name)[0]
        if subject not in coded and path.is_dir():
            count = sum(one.suffix.lower() in PICTURES for one in path.iterdir())
            if count:
                odd.add("picture without label", f"{subject}: no coding", count)
