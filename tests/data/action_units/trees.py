"""Small trees in the public layouts of BP4D and DISFA."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

OCC_UNITS = tuple(range(1, 100))


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (len(path.stem) * 20, 80, 90)).save(path)
    return path


def bp4d(root: Path, subject: str, task: str, rows: Mapping[int, Mapping[int, int]], digits: int = 0) -> Path:
    """Occurrence coding (99 columns, 9 where a row does not say) and pictures of one task."""
    coding = root / "AUCoding" / "AU_OCC" / f"{subject}_{task}.csv"
    coding.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(map(str, (0, *OCC_UNITS)))]
    for frame, values in rows.items():
        lines.append(",".join(map(str, (frame, *(values.get(unit, 9) for unit in OCC_UNITS)))))
        picture(root / subject / task / f"{frame:0{digits}d}.jpg")
    coding.write_text("\n".join(lines) + "\n")
    return root


def bp4d_intensity(root: Path, subject: str, task: str, unit: int, rows: Mapping[int, int]) -> Path:
    coding = root / "AUCoding" / "AU_INT" / f"AU{unit:02d}" / f"{subject}_{task}_AU{unit:02d}.csv"
    coding.parent.mkdir(parents=True, exist_ok=True)
    coding.write_text("".join(f"{frame},{grade}\n" for frame, grade in rows.items()))
    return root


def disfa(root: Path, subject: str, grades: Mapping[int, Sequence[int]], first: int = 0, name: str = "{}.png") -> Path:
    """Labels from frame 1 on and pictures from ``first`` on, as many as the longest list of grades."""
    for unit, values in grades.items():
        file = root / "ActionUnit_Labels" / subject / f"{subject}_au{unit}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{frame},{grade}\n" for frame, grade in enumerate(values, 1)))
    for number in range(first, first + max(map(len, grades.values()))):
        picture(root / "img" / subject / name.format(number))
    return root
