"""Labels as lists of lines: an image list beside a list of 0 and 1, and the older ``name:0,1,...``."""

from collections.abc import Sequence
from pathlib import Path

from ldm.data.action_units.facs import BP4D
from ldm.data.action_units.frames import Listed
from ldm.data.action_units.sample import AuDataError, AuSample, Oddities, kept, occurrence_of

IMAGE_LIST, LABEL_LIST = "img_path", "label"
"""How the two files of a pair are called in the literature: ``BP4D_train_img_path_fold1.txt``, ``..._label_...``."""


def read_lists(
    file: Path, odd: Oddities, units: Sequence[int] = BP4D, pictures: Path | None = None, labels: Path | None = None
) -> list[AuSample]:
    """The pictures of an image list with the labels of its label list, or of one list with both.

    Args:
        file: the image list (``F001/T1/2440.jpg`` a line), or the older list (``name:0,1,...`` a line).
        odd: takes what is odd.
        units: the columns of a label line, in their order.
        pictures: what the paths in the list are relative to; the list's own folder if not given.
        labels: the label list; for an image list called ``..._img_path_...`` its neighbour ``..._label_...``.

    Raises:
        AuDataError: the lists do not fit together, or a file is missing.
    """
    lines = _lines(file)
    if not lines:
        raise AuDataError(f"{file} is empty")
    if all(":" in line for line in lines):
        pairs = [line.rsplit(":", 1) for line in lines]
    else:
        pairs = [list(pair) for pair in zip(lines, _labels(file, labels, len(lines)), strict=True)]
    root = pictures or file.parent
    samples, seen, listed = [], set[Path](), Listed()
    for number, (name, cells) in enumerate(pairs, 1):
        where, values = f"{file}, line {number}", cells.replace(",", " ").split()
        path = listed.find(root / name.strip())
        if len(values) != len(units):
            odd.add(f"broken row ({len(units)} values wanted)", f"{where}: {len(values)}")
        elif path is None:
            odd.add("label without picture", root / name.strip())
        elif path in seen:
            odd.add("duplicated frame", where)
        else:
            seen.add(path)
            occurrence = {unit: occurrence_of(cell, where, odd) for unit, cell in zip(units, values, strict=True)}
            folders = Path(name.strip()).parts[:-1]
            subject, task = (*folders[:1], path.stem)[0], folders[1] if len(folders) > 1 else ""
            frame = int(path.stem) if path.stem.isdecimal() else None
            samples.append(AuSample(path, subject, task, frame, occurrence, {}, _gender(subject)))
    return kept(samples, odd)


def _gender(subject: str) -> dict[str, str]:
    """What BP4D's names of subjects say: F001 and M001."""
    named = len(subject) == 4 and subject[1:].isdecimal()
    return {"F": {"gender": "female"}, "M": {"gender": "male"}}.get(subject[:1] if named else "", {})


def _labels(file: Path, labels: Path | None, count: int) -> list[str]:
    if labels is None:
        labels = file.with_name(file.name.replace(IMAGE_LIST, LABEL_LIST))
    if labels == file or not labels.is_file():
        raise AuDataError(
            f"{file} lists pictures, but its labels are not found: expected lines name:0,1,... in it, a file like "
            f"BP4D_train_{LABEL_LIST}_fold1.txt beside BP4D_train_{IMAGE_LIST}_fold1.txt, or --labels FILE"
        )
    lines = _lines(labels)
    if len(lines) != count:
        raise AuDataError(f"{file} has {count} pictures, {labels} has {len(lines)} labels: they are no pair")
    return lines


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise AuDataError(f"there is no list {file}")
    return [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
