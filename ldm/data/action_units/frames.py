"""Pictures of a video by their number, however it is padded."""

import re
from collections.abc import Iterable
from pathlib import Path

from ldm.data.action_units.sample import Oddities

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
_NUMBER = re.compile(r"([0-9]+)(?!.*[0-9])")


def frame_number(path: Path) -> int | None:
    """The last number in a file's name: 12 of ``0012.jpg``, ``12.jpg`` and ``SN001_12.png``."""
    match = _NUMBER.search(path.stem)
    return int(match[1]) if match else None


def frames_of(folder: Path, odd: Oddities) -> dict[int, Path]:
    """The pictures in ``folder`` by number; of two with one number the first, and that is counted."""
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in PICTURES:
            continue
        number = frame_number(path)
        if number is None:
            odd.add("picture without a number", path)
        elif number in found:
            odd.add("duplicated frame", f"{path} beside {found[number].name}")
        else:
            found[number] = path
    return found


class Listed:
    """Finds the pictures that a list or a table names; one that is called by its number also with another padding."""

    def __init__(self) -> None:
        self._numbered: dict[Path, dict[int, Path]] = {}

    def find(self, path: Path) -> Path | None:
        """``path`` where it is a file, else ``0012.jpg`` for ``12.jpg`` of the same folder; None without either."""
        if path.is_file():
            return path
        if not path.stem.isdecimal():
            return None
        if (folder := path.parent) not in self._numbered:
            there = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
            self._numbered[folder] = {
                int(one.stem): one for one in there if one.stem.isdecimal() and one.suffix.lower() in PICTURES
            }
        return self._numbered[folder].get(int(path.stem))


def report_unmatched(labels: Iterable[int], pictures: Iterable[int], where: object, odd: Oddities) -> None:
    """Count labels without picture and pictures without label."""
    labelled, there = set(labels), set(pictures)
    if lost := labelled - there:
        odd.add("label without picture", f"{where}, frame {min(lost)}", len(lost))
    if silent := there - labelled:
        odd.add("picture without label", f"{where}, frame {min(silent)}", len(silent))
