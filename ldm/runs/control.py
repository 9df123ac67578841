"""What a ControlNet is shown when pictures are drawn: its control picture, and the network itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ldm.data.control_images import canny, draw_points, middle, points_in_middle
from ldm.faces.photos import read_photo
from ldm.runs.aligned_folder import sha256_of
from ldm.runs.folder import RunFolder
from ldm.runs.load import find_run

MADE = ("canny", "landmarks")
"""Control pictures that are made of a photo."""
GIVEN = ("depth", "openpose")
"""Control pictures that are given, as other programs make them."""


@dataclass(frozen=True)
class ControlPicture:
    """What is shown, and what pictures say about it."""

    picture: Image.Image
    facts: dict[str, Any]


def control_picture(
    kind: str, image: Path | None, size: tuple[int, int], face_points: Callable[[Image.Image], Any]
) -> ControlPicture:
    """The control picture of ``size`` (width, height).

    Args:
        kind: canny or landmarks, made of the middle of the photo ``image``; depth or openpose, which ``image`` is; or
            the file of any control picture.
        image: a photo, or the picture of depth or pose.
        size: of what is drawn.
        face_points: gives the five points of the largest face of a photo, or None.

    Raises:
        ValueError: a picture is missing, cannot be read, is of another size or shows no face.
    """
    if kind in (*MADE, *GIVEN):
        if image is None:
            what = "a photo" if kind in MADE else f"a picture of {kind}, of {size[0]} x {size[1]}"
            raise ValueError(f"--control {kind} needs {what}: give --control-image FILE")
        path = image
    else:
        path = _given_file(kind, image)
    shown = read_photo(path)
    facts = {"control": kind if kind in (*MADE, *GIVEN) else "file"}
    facts |= {"control_image": path.name, "control_image_sha256": sha256_of(path)}
    if kind not in MADE:
        if shown.size != size:
            raise ValueError(
                f"the control picture {path} is {shown.width} x {shown.height}, but {size[0]} x {size[1]} are drawn: "
                f"make it that large, or draw with --hw {shown.height}x{shown.width}"
            )
        return ControlPicture(shown, facts)
    if kind == "canny":
        return ControlPicture(canny(middle(shown, size)), facts)
    if (points := face_points(shown)) is None:
        raise ValueError(f"{path} shows no face, of which landmarks could be made: take --control canny")
    return ControlPicture(draw_points(points_in_middle(points, shown.size, size), size), facts)


def _given_file(kind: str, image: Path | None) -> Path:
    """The control picture that ``--control`` names itself."""
    if not Path(kind).is_file():
        raise ValueError(f"--control {kind}: there are {', '.join((*MADE, *GIVEN))}, or the file of a control picture")
    if image is not None:
        raise ValueError(f"--control {kind} is the control picture itself: leave out --control-image")
    return Path(kind)


def controlnet_folder(path: Path) -> Path:
    """The diffusers folder of the ControlNet at ``path``: itself, or the last one that a run (or its name) has trained.

    Raises:
        FileNotFoundError: there is none.
    """
    if not path.exists():
        try:
            path = find_run(path).path
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"there is no ControlNet at {path}: give the folder of a diffusers ControlNet, or the run that trained "
                f"one ({error})"
            ) from error
    if not any(path.glob("configs/*-project.yaml")):
        return path
    run = RunFolder.open(path)
    found = [folder for step in run.steps() for folder in run.exported(step) if folder.name.startswith("controlnet_")]
    if not found:
        raise FileNotFoundError(f"the run {path} has trained no ControlNet")
    return found[-1]
