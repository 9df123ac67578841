"""A folder of aligned faces and the lists beside it: added to, never wiped."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ldm.data.manifest import Record, append_record, read_manifest, write_manifest
from ldm.data.path_pickle import write_paths
from ldm.data.people import people_of
from ldm.faces.cut import Cut
from ldm.files import atomic_path

KEPT_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
"""Photos of these kinds keep their name; others become .jpg."""


class OutputError(RuntimeError):
    """The output cannot be written, or something that is not ours would be overwritten."""


def require_apart(folder: Path, photos: Path) -> None:
    """Nothing, if OUT (``folder``) is another folder than IN (``photos``).

    Raises:
        OutputError: it is the same.
    """
    if folder.resolve() == photos.resolve():
        raise OutputError(f"{folder} is both IN and OUT: the photos are only read, choose another folder for OUT")


class AlignedFolder:
    """``OUT/``, ``OUT.jsonl`` and ``OUT.pickle``.

    Args:
        folder: OUT.
        photos: IN, which is only read. Sub-folders of it become sub-folders of OUT, one person each.

    Raises:
        OutputError: OUT is IN, or cannot be written.
    """

    def __init__(self, folder: Path, photos: Path) -> None:
        require_apart(folder, photos)
        self.folder, self.photos = folder.resolve(), photos.resolve()
        self.manifest = self.folder.with_name(self.folder.name + ".jsonl")
        self.pickle = self.folder.with_name(self.folder.name + ".pickle")
        _check_writable(self.folder)
        records = read_manifest(self.manifest) if self.manifest.exists() else []
        self._records = {record.path: record for record in records}

    def is_done(self, photo: Path, like: Record) -> bool:
        """Whether ``photo`` was cut with the hash and the settings in ``like``, and all its pictures are here."""
        ours = self._of(photo)
        expected = (ours[0].faces if like.wanted.startswith("all") else 1) if ours else -1
        return len(ours) == expected and all(
            _settings(record) == _settings(like) and (self.manifest.parent / record.path).is_file() for record in ours
        )

    def add(self, photo: Path, cuts: Sequence[Cut], like: Record) -> list[Path]:
        """Write the pictures of ``photo`` and their records; returns the pictures. Those cut from it before go.

        A person that was changed in the manifest stays so.

        Args:
            photo: below IN.
            cuts: its aligned faces, largest first.
            like: the fields that all of them share.

        Raises:
            OutputError: a picture of this name came from elsewhere, or cannot be written.
        """
        numbered = like.wanted.startswith("all")
        targets = [self._target(photo, number if numbered else None) for number in range(len(cuts))]
        for target in targets:
            self._check_ours(photo, target)
        before = self._of(photo)
        changed = {record.face: record.person for record in before if record.person != self._called(photo, record)}
        for stale in before:
            del self._records[stale.path]
        for number, (cut, target) in enumerate(zip(cuts, targets, strict=True)):
            person = changed.get(number) or self._person(photo, target, alone=len(cuts) == 1)
            record = replace(
                like, path=self._relative(target), person=person, source=self._relative(photo), face=number
            )
            record = _described(record, cut)
            append_record(self.manifest, record)
            self._records[record.path] = record
            _save(cut, target)
        for stale in before:
            if stale.path not in self._records:
                self._remove(stale)
        return targets

    def keep_only(self, photos: Iterable[Path], wanted: str) -> int:
        """Remove pictures of ``wanted``, cut from other photos below IN than ``photos``, and their captions; how many.

        Both lists change with :meth:`finish`.
        """
        kept = {self._relative(photo) for photo in photos}
        other = [record for record in self._records.values() if record.wanted == wanted and record.source not in kept]
        gone = [record for record in other if record.source and self._is_below(record.source)]
        for record in gone:
            del self._records[record.path]
            self._remove(record, caption=True)
        return len(gone)

    def finish(self) -> int:
        """Write both lists, sorted, of the pictures that are here; returns how many they are."""
        here = [record for record in self._records.values() if (self.manifest.parent / record.path).is_file()]
        if here or self.manifest.exists():
            write_manifest(self.manifest, here)
            write_paths(self.pickle, sorted(self.manifest.parent / record.path for record in here))
        return len(here)

    def _of(self, photo: Path) -> list[Record]:
        """Records of ``photo``, by face."""
        source = self._relative(photo)
        return sorted((r for r in self._records.values() if r.source == source), key=lambda record: record.face)

    def _remove(self, record: Record, caption: bool = False) -> None:
        """Remove a picture that was cut here; whatever the manifest says, nothing outside OUT and no photo."""
        picture = Path(os.path.normpath(self.manifest.parent / record.path))
        if picture.is_relative_to(self.folder) and record.path != record.source:
            for file in (picture, picture.with_suffix(".txt"))[: 1 + caption]:
                file.unlink(missing_ok=True)

    def _called(self, photo: Path, record: Record) -> str:
        """The person that we wrote into ``record`` of ``photo``; there is another where somebody changed it."""
        return self._person(photo, record.path, alone=record.faces == 1 or not record.wanted.startswith("all"))

    def _person(self, photo: Path, picture: Path, alone: bool) -> str:
        """Whose face it is: by folder and file name, or, of several faces of a photo, each another's."""
        return people_of([_absolute(photo)], self.photos)[0] if alone else picture.stem

    def _is_below(self, source: Path) -> bool:
        """Whether a photo, as the manifest writes it, lies in IN."""
        return Path(os.path.normpath(self.manifest.parent / source)).is_relative_to(self.photos)

    def _relative(self, path: Path) -> Path:
        """``path`` as the manifest writes it."""
        return Path(os.path.relpath(_absolute(path), self.manifest.parent))

    def _target(self, photo: Path, number: int | None) -> Path:
        """Where the picture of a face goes: the photo's own name, in the same sub-folder."""
        name = _absolute(photo).relative_to(self.photos)
        suffix = name.suffix if name.suffix.lower() in KEPT_SUFFIXES else ".jpg"
        return self.folder / name.with_name(name.stem + ("" if number is None else f"_{number}") + suffix)

    def _check_ours(self, photo: Path, target: Path) -> None:
        """OutputError if ``target`` exists and was not cut from ``photo``."""
        record = self._records.get(self._relative(target))
        if record is not None and record.source not in {None, self._relative(photo)}:
            raise OutputError(f"{target} already holds the face of {record.source}: rename one of the two photos")
        if record is None and target.exists():
            raise OutputError(f"{target} is there already and was not made here: move it or choose another folder")


def _absolute(path: Path) -> Path:
    """``path`` from the root, its folder without links; a link to a photo keeps its own name."""
    return path.parent.resolve() / path.name


def sha256_of(photo: Path) -> str:
    """The photo's SHA-256 as 64 hexadecimal digits."""
    with photo.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _settings(record: Record) -> tuple[object, ...]:
    """What must be equal for a picture to be the same again."""
    return (record.source_sha256, record.mode, record.size, record.detector, record.encoder, record.wanted)


def _described(record: Record, cut: Cut) -> Record:
    """``record`` with what ``cut`` knows."""
    return replace(
        record,
        box=_rounded(cut.face.box),
        points=tuple(_rounded(point) for point in cut.face.points),
        crop_points=tuple(_rounded(point) for point in cut.points),
        score=round(cut.face.score, 4),
        sharpness=round(cut.sharpness, 2),
        vector=cut.vector,
    )


def _rounded(values: NDArray[Any]) -> tuple[float, ...]:
    """Pixels to two decimals."""
    return tuple(round(float(value), 2) for value in values)


def _save(cut: Cut, target: Path) -> None:
    """Write the aligned picture at high quality, without the photo's own metadata."""
    with atomic_path(target) as temporary:
        if target.suffix.lower() == ".png":
            cut.picture.save(temporary, "PNG")
        else:
            cut.picture.save(temporary, "JPEG", quality=95, subsampling=0)


def _check_writable(folder: Path) -> None:
    """OutputError if pictures cannot be put into ``folder`` or lists beside it."""
    try:
        for place in (folder, folder.parent):
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                pass
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}; choose another folder for OUT"
        ) from error
