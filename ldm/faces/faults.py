"""What is wrong with photos of people: told of each photo, and of all photos of one person together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ldm.faces.checkup import Checkup
from ldm.faces.detect import Face
from ldm.faces.photo_hash import distance

LEAVES_OUT = frozenset(
    {"unreadable", "no face", "face too small", "blurred", "too dark", "too bright", "duplicate", "wrong person"}
)
"""Faults for which a photo is not learned from; the others are mended."""


MOST = 0.5
"""Where a greater share of somebody's photos look like nobody else's, they are photos of several people."""


@dataclass(frozen=True)
class Thresholds:
    """From when on something is a fault. Chosen on people of LFW whom ``study doctor`` does not measure on.

    ``clipped``, ``second_face``, ``other_face`` and ``dark`` where no face is found: on 400 people with two to four
    photos (``study doctor-limits``). Of their 960 photos 99 % are clipped by at most .16, at worst .42, times 3.0
    of 100 photos 99 % by at least .32. The brightest parts reach 98 or more, times .25 at most 58. A second face is in
    99 % of them at most .77 of the largest, the larger ones mostly at the edge behind a person in the middle; planted
    copies of equal size are found at .83 or more, those of .8 at .73 or more and about as near the middle. The other
    limits: on the first 24 people of an older draw.

    Attributes:
        min_face_px: shorter side of a face.
        blur: see :func:`ldm.faces.checkup.blur_of`.
        dark: of a face's brightest parts (grey, 0 to 255).
        bright: of a face's darkest parts.
        clipped: share of a face that is clipped, and of a photo where no face is found in it.
        second_face: size of a second face, as a share of the largest, wherever it is.
        other_face: the same, where it is about as near the middle of the photo as the largest.
        copy_bits: of 64 of a fingerprint of the whole photo.
        crop_bits: of 64 of a fingerprint of the face crop.
        copy_cosine: of the faces of two photos that look alike.
        stranger: median cosine to the other photos of the person.
        min_photos: so many photos of a person are needed to tell who is not them.
    """

    min_face_px: float = 64
    blur: float = 0.72
    dark: float = 80
    bright: float = 150
    clipped: float = 0.3
    second_face: float = 0.8
    other_face: float = 0.7
    copy_bits: int = 10
    crop_bits: int = 8
    copy_cosine: float = 0.9
    stranger: float = 0.33
    min_photos: int = 4


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a photo.

    Attributes:
        kind: its name.
        reason: for people.
    """

    kind: str
    reason: str

    @property
    def leaves_out(self) -> bool:
        """Whether the photo should not be learned from."""
        return self.kind in LEAVES_OUT


@dataclass(frozen=True)
class Verdict:
    """A photo and all that is wrong with it."""

    checkup: Checkup
    faults: Sequence[Fault] = field(default_factory=tuple)

    @property
    def left_out(self) -> bool:
        """Whether it should not be learned from."""
        return any(fault.leaves_out for fault in self.faults)


def judge_photos(checkups: Sequence[Checkup], limits: Thresholds | None = None) -> list[Verdict]:
    """What is wrong with each photo, in the given order; people are told by their name."""
    limits = limits or Thresholds()
    found: dict[int, list[Fault]] = {id(one): alone(one, limits) for one in checkups}
    people: dict[str, list[Checkup]] = {}
    for one in checkups:
        people.setdefault(one.person, []).append(one)
    for everything in people.values():
        own = [one for one in everything if not any(fault.leaves_out for fault in found[id(one)])]
        for place, fault in (*duplicates(own, limits).items(), *strangers(own, limits).items()):
            found[place].append(fault)
    return [Verdict(one, tuple(found[id(one)])) for one in checkups]


def alone(one: Checkup, limits: Thresholds) -> list[Fault]:
    """What a photo shows of itself."""
    if one.error:
        return [Fault("unreadable", one.error)]
    found = []
    if one.turned:
        found.append(Fault("turned", "upright only by its EXIF tag, which other programs may ignore"))
    if one.sideways:
        found.append(Fault("lies on its side", f"the face stands upright when the photo is turned by {one.sideways}°"))
    if one.aligned:
        return _picture(one, limits)
    if not one.faces:
        return [*found, Fault("no face", "no face is found, however it is turned"), *_why_none(one, limits)]
    size = one.faces[0].size_px
    if size < limits.min_face_px:
        found.append(Fault("face too small", f"the face is {size:.0f} px across, less than {limits.min_face_px:.0f}"))
    if near := rivals(one, limits):
        found.append(
            Fault(
                "several faces",
                f"{1 + len(near)} faces of about one size: the one most like the person's others is taken",
            )
        )
    return found + _picture(one, limits)


def rivals(one: Checkup, limits: Thresholds) -> list[Face]:
    """Faces beside the largest that leave it open who is meant: nearly as large, or somewhat smaller and as central.

    Smaller ones at the edge are bystanders: the crop that is learned from is the largest face's.
    """
    first, middle = one.faces[0], np.array(one.size) / 2
    reach = float(np.hypot(*(first.center - middle))) + first.size_px / 2

    def rivals_first(face: Face) -> bool:
        central = float(np.hypot(*(face.center - middle))) <= reach
        return face.size_px >= (limits.other_face if central else limits.second_face) * first.size_px

    return [face for face in one.faces[1:] if rivals_first(face)]


def _why_none(one: Checkup, limits: Thresholds) -> list[Fault]:
    """Light that may be why no face is found."""
    if one.light is not None and one.light.clipped > limits.clipped:
        return [Fault("too bright", f"{one.light.clipped:.0%} of the photo is clipped")]
    if one.light is not None and one.light.bright < limits.dark:
        return [Fault("too dark", f"the brightest parts of the photo reach {one.light.bright:.0f} of 255")]
    return []


def _picture(one: Checkup, limits: Thresholds) -> list[Fault]:
    """How well the face can be seen."""
    found = []
    if one.blur is not None and one.blur > limits.blur:
        found.append(Fault("blurred", f"blur {one.blur:.2f}, above {limits.blur:.2f}"))
    if one.light is not None and one.light.bright < limits.dark:
        found.append(Fault("too dark", f"the brightest parts of the face reach {one.light.bright:.0f} of 255"))
    if one.light is not None and one.light.clipped > limits.clipped:
        found.append(Fault("too bright", f"{one.light.clipped:.0%} of the face is clipped"))
    elif one.light is not None and one.light.dark > limits.bright:
        found.append(Fault("too bright", f"even the darkest parts of the face are at {one.light.dark:.0f} of 255"))
    return found


def duplicates(own: Sequence[Checkup], limits: Thresholds) -> dict[int, Fault]:
    """Of photos that are nearly the same all but the best, by their place in memory: copies count twice in training."""
    order = sorted((one for one in own if one.marks), key=_quality)
    kept: list[Checkup] = []
    found: dict[int, Fault] = {}
    for one in order:
        twin = next((other for other in kept if alike(one, other, limits)), None)
        if twin is None:
            kept.append(one)
        else:
            found[id(one)] = Fault("duplicate", f"nearly the same photo as {twin.path.name}")
    return found


def alike(one: Checkup, other: Checkup, limits: Thresholds) -> bool:
    """Whether two photos are the same one: saved again, smaller, brighter, mirrored or cut a little."""
    if one.vector is not None and other.vector is not None and float(one.vector @ other.vector) < limits.copy_cosine:
        return False
    whole = min(distance(one.marks[0], mark) for mark in other.marks[:2])
    if len(one.marks) > 2 and len(other.marks) > 2:
        return whole <= limits.copy_bits or distance(one.marks[2], other.marks[2]) <= limits.crop_bits
    return whole <= limits.copy_bits


def _quality(one: Checkup) -> tuple[float, float, str]:
    """Sharp and large first."""
    return (1.0 if one.blur is None else round(one.blur, 2), -float(np.prod(one.size)), one.path.name)


def strangers(own: Sequence[Checkup], limits: Thresholds) -> dict[int, Fault]:
    """Photos of somebody else, by their place in memory; told by the median likeness to the person's other photos.

    Nobody is accused where there are fewer than ``limits.min_photos`` photos with a face, or where most
    photos would be: then they are of several people.
    """
    seen = [one for one in own if one.vector is not None]
    if len(seen) < limits.min_photos:
        return {}
    table = cosines(seen)
    typical = np.array([np.median(np.delete(row, place)) for place, row in enumerate(table)])
    if (typical < limits.stranger).mean() > MOST:
        return {}
    return {
        id(one): Fault("wrong person", f"likeness to the other photos {value:.2f}, below {limits.stranger:.2f}")
        for one, value in zip(seen, typical, strict=True)
        if value < limits.stranger
    }


def cosines(seen: Sequence[Checkup]) -> NDArray[np.float64]:
    """(N, N) cosines of the faces of N photos."""
    vectors = np.stack([one.vector for one in seen if one.vector is not None]).astype(np.float64)
    return np.asarray(vectors @ vectors.T)


def counts(verdicts: Sequence[Verdict]) -> Mapping[str, int]:
    """How many photos have each fault, most frequent first."""
    found: dict[str, int] = {}
    for verdict in verdicts:
        for fault in verdict.faults:
            found[fault.kind] = found.get(fault.kind, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))
