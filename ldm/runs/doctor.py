"""The doctor for photos: looks at all of them, says what is wrong, and writes a cleaned, aligned copy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ldm.data.buckets import bucket_sizes, nearest_size
from ldm.data.caption_files import CaptionError, read_captions
from ldm.data.manifest import Record
from ldm.data.people import PUBLISHED_NAME
from ldm.faces.backend import FaceBackend
from ldm.faces.checkup import Checkup, examine
from ldm.faces.cut import Cut, cut_faces
from ldm.faces.faults import MOST, Thresholds, Verdict, cosines, judge_photos
from ldm.faces.photos import list_photos, read_photo
from ldm.files import write_text
from ldm.runs.aligned_folder import AlignedFolder, sha256_of

WANTED = "checked by the doctor"
"""What a manifest of a cleaned copy says under ``wanted``."""


@dataclass(frozen=True)
class Diagnosis:
    """All that was found in a folder of photos.

    Attributes:
        folder: of the photos.
        verdicts: photo by photo.
        captions: of the photos that have one.
        sizes: height and width that each photo would be trained at, with buckets.
        notices: about all photos of a person.
        limits: from when on something was a fault.
    """

    folder: Path
    verdicts: list[Verdict]
    captions: dict[Path, str]
    sizes: dict[Path, tuple[int, int]]
    notices: list[str]
    limits: Thresholds

    @property
    def kept(self) -> list[Verdict]:
        """The photos to learn from."""
        return [verdict for verdict in self.verdicts if not verdict.left_out]


def diagnose(
    folder: Path,
    backend: FaceBackend,
    size: int = 512,
    leave_out: Path | None = None,
    limits: Thresholds | None = None,
    progress: Callable[[int], None] = lambda count: None,
) -> Diagnosis:
    """Look at every photo in ``folder``; a sub-folder is a person, photos without one are of one person together.

    Args:
        folder: only read.
        backend: finds and describes faces.
        size: side of a training picture in pixels, for the buckets.
        leave_out: a folder below that is not looked at.
        limits: from when on something is a fault.
        progress: called with 1 after every photo.

    Raises:
        PhotoError: there are no photos.
        OSError: there is no such folder.
    """
    limits, photos = limits or Thresholds(), list_photos(folder, leave_out)
    checkups = []
    for path in photos:
        checkups.append(examine(path, person_of(path, folder), backend))
        progress(1)
    verdicts = judge_photos(checkups, limits)
    notices = [line for own in by_person(verdicts).values() for line in remarks(own, limits)]
    captions: dict[Path, str] = {}
    try:
        captions = read_captions(folder, photos)
    except CaptionError as error:
        notices.append(f"captions cannot be used: {error}")
    return Diagnosis(folder, verdicts, captions, _buckets(checkups, size), notices, limits)


def person_of(photo: Path, folder: Path) -> str:
    """Whose photo it should be: its sub-folder, the id of a published name, else everybody here is one person."""
    parts = photo.relative_to(folder).parts[:-1]
    published = PUBLISHED_NAME.fullmatch(photo.stem)
    return parts[0] if parts else f"id{published[1]}" if published else folder.resolve().name


def by_person(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    """The verdicts of each person."""
    people: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        people.setdefault(verdict.checkup.person, []).append(verdict)
    return people


def remarks(own: Sequence[Verdict], limits: Thresholds) -> list[str]:
    """What all photos of a person together lack."""
    name, kept = own[0].checkup.person, [verdict.checkup for verdict in own if not verdict.left_out]
    seen = [one for one in kept if one.vector is not None]
    if not seen:
        return [f"{name}: no photo to learn from is left."]
    found = []
    if len(seen) >= limits.min_photos:
        table = cosines(seen)
        typical = np.array([np.median(np.delete(row, place)) for place, row in enumerate(table)])
        if (typical < limits.stranger).mean() > MOST:
            found.append(f"{name}: the photos show several people; put each person's into a folder of their own.")
            return found
        poses = coverage(seen)
        if poses["ahead"] == len(seen):
            found.append(f"{name}: every face looks straight ahead; add photos from the sides.")
        if max(poses["close-up"], poses["medium"], poses["far"]) == len(seen):
            framing = next(key for key in ("close-up", "medium", "far") if poses[key])
            found.append(f"{name}: every photo is a {framing} shot; add other framings.")
    return found


def coverage(seen: Sequence[Checkup]) -> dict[str, int]:
    """How many faces look where, and how near they are.

    A nose a fifth of the eyes' distance beside their middle is turned by about 25 degrees. A face of two fifths of the
    photo's height is a close-up, one of less than 15 % is far.
    """
    keys = ("ahead", "left", "right", "up", "down", "close-up", "medium", "far")
    found = dict.fromkeys(keys, 0)
    for one in seen:
        if one.pose is None:
            continue
        turned = abs(one.pose.yaw) > 0.2
        tilted = abs(one.pose.pitch) > 0.12
        found["left" if one.pose.yaw < 0 else "right"] += turned
        found["up" if one.pose.pitch < 0 else "down"] += tilted
        found["ahead"] += not (turned or tilted)
        found["close-up" if one.framing > 0.4 else "far" if one.framing < 0.15 else "medium"] += 1
    return found


def _buckets(checkups: Sequence[Checkup], size: int) -> dict[Path, tuple[int, int]]:
    """The training size of each photo that can be read."""
    sizes = bucket_sizes(size, size, 64 if size >= 256 else 8)
    known = [one for one in checkups if not one.error]
    return {one.path: sizes[nearest_size(one.size[1], one.size[0], sizes)] for one in known}


def fix(found: Diagnosis, out: Path, backend: FaceBackend, size: int = 512) -> tuple[AlignedFolder, list[str], int]:
    """Write a cleaned, aligned copy of the photos into ``out``; the source is only read.

    Photos to be left out are left out; turned ones are turned; of several faces the one most like the person is taken.
    Captions go beside the faces. What an earlier call took from these photos and is not taken now, is removed.

    Returns:
        The folder with its manifest, what could not be aligned, and how many earlier pictures were removed.
    """
    folder = AlignedFolder(out, found.folder)
    like = Record(
        Path(), "", mode="ffhq", size=size, detector=backend.detector.name, encoder=backend.encoder.name, wanted=WANTED
    )
    failed, taken = [], list[Path]()
    try:
        gone = folder.keep_only([verdict.checkup.path for verdict in found.kept], WANTED)  # their names may be wanted
        for own in by_person(found.kept).values():
            middle = np.mean([v.checkup.vector for v in own if v.checkup.vector is not None], axis=0)
            for verdict in own:
                path = verdict.checkup.path
                try:
                    cut, faces = _cut(verdict.checkup, middle, backend, size, found.limits)
                except ValueError as error:
                    failed.append(f"{path.name}: {error}")
                    continue
                made = folder.add(path, [cut], replace(like, source_sha256=sha256_of(path), faces=faces))
                taken.append(path)
                if caption := found.captions.get(path):
                    write_text(made[0].with_suffix(".txt"), caption + "\n")
        gone += folder.keep_only(taken, WANTED)
    finally:
        folder.finish()
    return folder, failed, gone


def _cut(one: Checkup, middle: np.ndarray, backend: FaceBackend, size: int, limits: Thresholds) -> tuple[Cut, int]:
    """The face of ``one`` that is most like ``middle`` (F,), and how many faces there are."""
    photo = read_photo(one.path)
    upright = photo.rotate(one.sideways, expand=True) if one.sideways else photo
    cuts, faces = cut_faces(upright, backend, size, which="all", min_face_px=int(limits.min_face_px))
    near = [cut for cut in cuts if cut.face.size_px >= limits.other_face * cuts[0].face.size_px]
    return max(near, key=lambda cut: float(cut.vector @ middle)), faces
