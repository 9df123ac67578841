"""What can be seen of one photo before it is learned from: faces, sharpness, light, pose, a fingerprint."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ldm.faces.align import ffhq_crop
from ldm.faces.backend import FaceBackend
from ldm.faces.detect import Face
from ldm.faces.photo_hash import Fingerprint, fingerprint
from ldm.faces.photos import PhotoError, read_photo

CROP_PX = 256
"""Side of the FFHQ crop in which sharpness and light are measured."""

EXIF_ORIENTATION = 0x0112
SIDEWAYS_RAD = np.deg2rad(45)
SURE, SURER = 0.92, 0.03
"""YuNet finds faces that lie on their side or stand on their head too, less surely: of 120 photos of LFW nineteen in
twenty upright faces had a score of at least ``SURE``. Only a face that gains ``SURER`` and reaches ``UPRIGHT`` shows
that the photo was turned: those of badly lit faces are as uncertain in one direction as in another."""
UPRIGHT = 0.88
SEEN = 0.8
"""Less sure faces are not counted. Chosen on people whom ``study doctor`` never measures on and shown by
``study doctor-limits``: what was still found in 100 photos whose faces were covered had at most .78, however they were
turned, the surest face of 960 untouched ones at least .85."""
WHITE = 250
"""A channel at or above is clipped, whatever JPEG made of it."""


@dataclass(frozen=True)
class Light:
    """How a face is lit; grey values are 0 to 255.

    Attributes:
        bright: the 95th percentile: dark where even the brightest parts of a face are, whatever its skin.
        dark: the 5th percentile.
        clipped: share of pixels of which a channel is clipped. In skin it is red that is lost first, long before its
            grey is white, and with it the shape of a face.
    """

    bright: float
    dark: float
    clipped: float


@dataclass(frozen=True)
class Pose:
    """Where a face looks, by its five points; 0 is straight ahead.

    Attributes:
        yaw: the nose's distance from the middle of the eyes, in eye distances; positive: to the picture's right.
        pitch: where the nose lies between eyes (0) and mouth (1), less the usual .55; positive: down.
        roll: tilt in radians; positive is clockwise.
    """

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True)
class Checkup:
    """One photo.

    Attributes:
        path: the file.
        person: whose photo it should be.
        error: why it cannot be read; then nothing else is known.
        size: width and height, upright, in pixels.
        turned: it is upright only by its EXIF tag.
        sideways: by how many degrees counter-clockwise it must be turned for its face to stand upright; 0 is none.
        faces: all faces, largest first.
        vector: unit face vector (F,) of the largest face; None without a face.
        blur: 0 is sharp, 1 is blurred: see :func:`blur_of`; None without a face.
        light: of the largest face; without a face of the whole photo.
        pose: of the largest face; None without a face.
        marks: fingerprints of the photo, of it mirrored, and of its face crop if there is a face.
        crop: the FFHQ crop of the largest face.
        aligned: it is a face crop already, in which no face was searched.
    """

    path: Path
    person: str
    error: str = ""
    size: tuple[int, int] = (0, 0)
    turned: bool = False
    sideways: int = 0
    faces: Sequence[Face] = ()
    vector: NDArray[np.float32] | None = None
    blur: float | None = None
    light: Light | None = None
    pose: Pose | None = None
    marks: Sequence[Fingerprint] = ()
    crop: Image.Image | None = None
    aligned: bool = False

    @property
    def framing(self) -> float:
        """Height of the largest face as a share of the photo's height; 0 without a face."""
        return float(self.faces[0].box[3] - self.faces[0].box[1]) / self.size[1] if self.faces else 0.0


def examine(path: Path, person: str, backend: FaceBackend) -> Checkup:
    """Everything about the photo at ``path``; what cannot be read is a finding, not an error."""
    try:
        photo = read_photo(path)
    except PhotoError as error:
        return Checkup(path, person, error=str(error).replace(str(path), path.name))
    return look_at(photo, path, person, backend, _turned(path))


def look_at(photo: Image.Image, path: Path, person: str, backend: FaceBackend, turned: bool = False) -> Checkup:
    """Everything about ``photo`` (upright RGB)."""
    faces, sideways = faces_in(photo, backend), 0
    if not faces or faces[0].score < SURE or abs(faces[0].roll) > SIDEWAYS_RAD:
        sideways, photo, faces = _upright(photo, faces, backend)
    marks = [fingerprint(photo), fingerprint(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT))]
    if not faces:
        return Checkup(path, person, size=photo.size, turned=turned, marks=marks, light=light_in(photo))
    crop = ffhq_crop(photo, faces[0].points, CROP_PX)
    return Checkup(
        path=path,
        person=person,
        size=photo.size,
        turned=turned,
        sideways=sideways,
        faces=faces,
        vector=backend.describe(photo, faces[0]),
        blur=blur_of(crop),
        light=light_of(crop),
        pose=pose_of(faces[0]),
        marks=[*marks, fingerprint(crop)],
        crop=crop,
    )


def faces_in(photo: Image.Image, backend: FaceBackend) -> list[Face]:
    """The faces of ``photo``, largest first, without unsure ones."""
    return [face for face in backend.faces(photo) if face.score >= SEEN]


def _turned(path: Path) -> bool:
    """Whether the EXIF tag of the photo turns it."""
    try:
        with Image.open(path) as image:
            return image.getexif().get(EXIF_ORIENTATION, 1) not in (0, 1)
    except (OSError, SyntaxError, ValueError):
        return False


def _upright(photo: Image.Image, faces: list[Face], backend: FaceBackend) -> tuple[int, Image.Image, list[Face]]:
    """By how much to turn ``photo`` so that its face stands upright, the turned photo and its faces; 0 if in no way."""
    best, score = (0, photo, faces), max(UPRIGHT, faces[0].score + SURER if faces else 0.0)
    for degrees in (90, 270, 180):
        turned = photo.rotate(degrees, expand=True)
        found = faces_in(turned, backend)
        if found and abs(found[0].roll) <= SIDEWAYS_RAD and found[0].score > score:
            best, score = (degrees, turned, found), found[0].score
    return best


def face_area(crop: Image.Image) -> Image.Image:
    """The face in an FFHQ crop: its middle, without hair and background."""
    side = crop.width
    box = (round(0.28 * side), round(0.36 * side), round(0.72 * side), round(0.84 * side))
    return crop.crop(box)


def blur_of(crop: Image.Image) -> float:
    """How blurred the face is: 0 is sharp, 1 is blurred, whatever its contrast.

    Source: Crete et al. 2007, "The blur effect: perception and estimation with a new no-reference perceptual blur
    metric", as scikit-image has it: how little is lost by blurring once more.
    """
    from skimage.measure import blur_effect

    return float(blur_effect(np.asarray(face_area(crop).convert("L"), np.float64) / 255, h_size=9))


def light_of(crop: Image.Image) -> Light:
    """How the face in an FFHQ crop is lit."""
    return light_in(face_area(crop))


def light_in(photo: Image.Image) -> Light:
    """How a whole photo is lit."""
    dark, bright = np.percentile(np.asarray(photo.convert("L"), np.float64), [5, 95])
    highest = np.asarray(photo.convert("RGB")).max(2)
    return Light(float(bright), float(dark), float((highest >= WHITE).mean()))


def pose_of(face: Face) -> Pose:
    """Where ``face`` looks."""
    level = np.array([[np.cos(face.roll), np.sin(face.roll)], [-np.sin(face.roll), np.cos(face.roll)]])
    left_eye, right_eye, nose, left_mouth, right_mouth = face.points.astype(np.float64) @ level.T
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    across = max(float(np.hypot(*(right_eye - left_eye))), 1e-6)
    down = mouth[1] - eyes[1]
    pitch = float((nose[1] - eyes[1]) / down) - 0.55 if abs(down) > 1e-6 else 0.0
    return Pose(float((nose[0] - (eyes[0] + mouth[0]) / 2) / across), pitch, face.roll)
