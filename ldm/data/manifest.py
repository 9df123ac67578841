"""The list of aligned faces: one JSON object a line, or the older pickle of paths."""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ldm.data.path_pickle import PathPickleError, read_paths
from ldm.data.people import natural, people_of
from ldm.files import write_text

logger = logging.getLogger(__name__)


class ManifestError(ValueError):
    """A manifest or pickle that cannot be used; the message names the file, the line and the reason."""


@dataclass(frozen=True)
class Record:
    """One aligned face.

    Attributes:
        path: the aligned picture; relative to the manifest in the file, joined to its folder once read.
        person: whose face it is: pictures with the same word are one person.
        source: the photo it was cut from, relative to the manifest in the file.
        source_sha256: of the photo, to see whether it changed.
        box: left, top, right, bottom in the upright photo, pixels.
        points: (5, 2) eyes, nose, mouth corners in the upright photo, pixels.
        crop_points: (5, 2) the same points in the aligned picture, pixels.
        score: the detector's confidence in [0, 1].
        sharpness: variance of the Laplacian of the aligned picture's grey values, in (grey levels of 0..255)².
        vector: unit face vector (F,), or None where it was not computed.
        encoder: the network that made ``vector``; vectors of different encoders cannot be compared.
        detector: the network that found the face.
        size: side of the aligned picture in pixels.
        mode: "ffhq" or "arcface".
        face: which face of the photo, 0 is the largest.
        faces: how many faces the photo has.
        wanted: which of them were asked for.
    """

    path: Path
    person: str
    source: Path | None = None
    source_sha256: str = ""
    box: tuple[float, ...] = ()
    points: tuple[tuple[float, ...], ...] = ()
    crop_points: tuple[tuple[float, ...], ...] = ()
    score: float | None = None
    sharpness: float | None = None
    vector: NDArray[np.float32] | None = field(default=None, compare=False)
    encoder: str = ""
    detector: str = ""
    size: int | None = None
    mode: str = ""
    face: int = 0
    faces: int = 1
    wanted: str = ""

    def to_json(self) -> str:
        """One line of the manifest, without the line end."""
        values = asdict(self) | {
            "path": self.path.as_posix(),
            "source": None if self.source is None else self.source.as_posix(),
            "vector": None if self.vector is None else [float(f"{x:.7g}") for x in self.vector],
        }
        return json.dumps(values, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "Record":
        """The record in ``line``; ValueError says what is wrong with it."""
        values = json.loads(line)
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
        known = {f.name for f in fields(cls)}
        if missing := {"path", "person"} - values.keys():
            raise ValueError(f"lacks {', '.join(sorted(missing))}")
        if unknown := values.keys() - known:
            raise ValueError(f"has unknown keys {', '.join(sorted(unknown))}")
        return cls(**(values | _typed(values)))


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a record that JSON keeps as other types."""
    typed: dict[str, Any] = {"path": Path(values["path"]), "person": str(values["person"])}
    if values.get("source") is not None:
        typed["source"] = Path(values["source"])
    if values.get("vector") is not None:
        typed["vector"] = np.asarray(values["vector"], np.float32)
    typed["box"] = tuple(values.get("box", ()))
    for name in ("points", "crop_points"):
        typed[name] = tuple(tuple(point) for point in values.get(name, ()))
    return typed


def read_manifest(path: Path) -> list[Record]:
    """Records of the manifest at ``path`` as they stand there, paths relative to it; of two with one path the later.

    A last line that was cut off (the machine stopped while it was written) is left out with a warning.

    Raises:
        ManifestError: a line is not a record.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    records: dict[Path, Record] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = Record.from_json(line)
        except (ValueError, TypeError) as error:
            if number == len(lines):
                logger.warning("%s: the last line is cut off and is left out", path)
                break
            raise ManifestError(f"{path}, line {number}: {error}") from error
        records[record.path] = record
    return list(records.values())


def write_manifest(path: Path, records: Iterable[Record]) -> None:
    """Write the manifest ``path``, sorted by picture; ``records`` have paths relative to it."""
    ordered = sorted(records, key=lambda record: record.path.as_posix())
    write_text(path, "".join(record.to_json() + "\n" for record in ordered))


def append_record(path: Path, record: Record) -> None:
    """Add one line to the manifest, so that a killed batch keeps what it did; a cut-off last line is dropped."""
    with path.open("ab+") as file:
        whole = _end_of_whole_lines(file)
        if whole < file.seek(0, os.SEEK_END):
            file.truncate(whole)
        file.write(f"{record.to_json()}\n".encode())


def _end_of_whole_lines(file: BinaryIO, step: int = 1 << 16) -> int:
    """Where the last line end of ``file`` is, plus one."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - step)
        file.seek(start)
        if (found := file.read(end - start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0


def read_people(path: Path) -> list[Record]:
    """All faces listed in a manifest (.jsonl) or an older pickle, with paths that can be opened, sorted by person.

    Raises:
        FileNotFoundError: the list, or pictures in it, are missing.
        ManifestError: it cannot be read, or lists nothing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no list of faces at {path}: make one with `bash 00_align_face.sh PHOTOS {path.stem}`")
    if path.suffix in {".pickle", ".pkl"}:
        try:
            pictures = read_paths(path)
        except PathPickleError as error:
            raise ManifestError(str(error)) from error
        records = [Record(picture, person) for picture, person in zip(pictures, people_of(pictures), strict=True)]
    else:
        folder = path.parent
        records = [
            replace(r, path=folder / r.path, source=None if r.source is None else folder / r.source)
            for r in read_manifest(path)
        ]
    if not records:
        raise ManifestError(f"{path} lists no faces")
    if missing := [record.path for record in records if not record.path.is_file()]:
        raise FileNotFoundError(
            f"{path} lists {len(missing)} pictures that are not there, first {missing[0]}: align again"
        )
    return sorted(records, key=lambda record: (natural(record.person), record.path.as_posix()))


def group_people(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records by person; people in natural order (id2 before id10), so a person's place is the same in every run."""
    people: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: (natural(record.person), record.path.as_posix())):
        people.setdefault(record.person, []).append(record)
    return people
