"""Faults of graded severity, put into photos on purpose: what the study of the doctor plants."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image, ImageFilter

from ldm.faces.checkup import EXIF_ORIENTATION, Checkup

LOOK_ALIKE_OF = 10
"""A look-alike is the nearest of so many strangers of the person's sex, by their faces."""

Plant = Callable[[Image.Image, Checkup, Path], None]
"""Writes a photo with a fault to a path."""


@dataclass(frozen=True)
class Cell:
    """A fault of one severity.

    Attributes:
        fault: what the doctor should say.
        severity: mild, medium or clear.
        how: in words.
        plant: puts it into a photo; None where another photo is put in the place of the person's.
    """

    fault: str
    severity: str
    how: str
    plant: Plant | None = None


def _save(change: Callable[[Image.Image, Checkup], Image.Image], quality: int = 95) -> Plant:
    return lambda photo, one, path: change(photo, one).save(path, quality=quality)


def _blurred(share: float, photo: Image.Image, one: Checkup) -> Image.Image:
    return photo.filter(ImageFilter.GaussianBlur(share * one.faces[0].size_px))


def _gain(factor: float, photo: Image.Image, _: Checkup) -> Image.Image:
    return photo.point(lambda value: min(255, int(value * factor)))


def _face_of(px: float, photo: Image.Image, one: Checkup) -> Image.Image:
    scale = px / one.faces[0].size_px
    return photo.resize(
        (max(1, round(photo.width * scale)), max(1, round(photo.height * scale))), Image.Resampling.BICUBIC
    )


def _covered(photo: Image.Image, one: Checkup) -> Image.Image:
    """The photo without its faces: each one's box and a quarter around it is grey."""
    covered = photo.copy()
    for face in one.faces:
        left, top, right, bottom = (float(x) for x in face.box)
        more = 0.25 * (right - left)
        covered.paste(
            (127, 127, 127), (round(left - more), round(top - more), round(right + more), round(bottom + more))
        )
    return covered


def _beside(scale: float, photo: Image.Image, one: Checkup) -> Image.Image:
    """The photo with its own face, mirrored and ``scale`` times as large, beside it: as good as another person's."""
    other = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    other = other.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BICUBIC)
    both = Image.new("RGB", (photo.width + other.width, photo.height), "grey")
    both.paste(photo, (0, 0))
    both.paste(other, (photo.width, photo.height - other.height))
    return both


def _copied(shrink: float, cut: float, gain: float, mirror: bool, photo: Image.Image, one: Checkup) -> Image.Image:
    left, top = round(photo.width * cut), round(photo.height * cut)
    copy = photo.crop((left, top, photo.width - left, photo.height - top))
    copy = copy.resize((round(copy.width * shrink), round(copy.height * shrink)), Image.Resampling.BICUBIC)
    return _gain(gain, copy.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else copy, one)


def _exif(photo: Image.Image, _: Checkup, path: Path) -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    photo.rotate(90, expand=True).save(path, quality=95, exif=exif)


def _torn(share: float, photo: Image.Image, _: Checkup, path: Path) -> None:
    photo.save(path, quality=95)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


def cells() -> Iterator[Cell]:
    """Every fault and severity that is planted."""
    for severity, share in (("mild", 0.01), ("medium", 0.015), ("clear", 0.03)):
        yield Cell("blurred", severity, f"Gaussian, σ {share:.1%} of the face", _save(partial(_blurred, share)))
    for severity, factor in (("mild", 0.6), ("medium", 0.4), ("clear", 0.25)):
        yield Cell("too dark", severity, f"times {factor}", _save(partial(_gain, factor)))
    for severity, factor in (("mild", 1.6), ("medium", 2.2), ("clear", 3.0)):
        yield Cell("too bright", severity, f"times {factor}", _save(partial(_gain, factor)))
    for severity, px in (("mild", 60), ("medium", 48), ("clear", 32)):
        yield Cell("face too small", severity, f"face {px} px", _save(partial(_face_of, px)))
    for severity, copy in (
        ("mild", (0.8, 0.05, 1.2, False)),
        ("medium", (0.8, 0.02, 1.1, True)),
        ("clear", (0.8, 0.0, 1.0, False)),
    ):
        how = f"{copy[0]:.0%} of the size, {copy[1]:.0%} cut off, times {copy[2]}{', mirrored' if copy[3] else ''}"
        yield Cell("duplicate", severity, how, _save(partial(_copied, *copy), 70))
    for severity, scale in (("mild", 0.6), ("medium", 0.8), ("clear", 1.0)):
        yield Cell("several faces", severity, f"a second face {scale} times as large", _save(partial(_beside, scale)))
    for severity, share in (("mild", 0.95), ("medium", 0.5), ("clear", 0.1)):
        yield Cell("unreadable", severity, f"the first {share:.0%} of the file", partial(_torn, share))
    yield Cell("no face", "clear", "every face covered", _save(_covered))
    yield Cell("turned", "clear", "EXIF tag", _exif)
    for degrees in (90, 180):
        turn = lambda photo, one, by: photo.rotate(by, expand=True)  # noqa: E731
        yield Cell("lies on its side", "clear", f"turned by {degrees}°", _save(partial(turn, by=degrees)))
    yield Cell("wrong person", "clear", "a stranger of the same sex")
    yield Cell("wrong person", "hard", f"a look-alike: the nearest of {LOOK_ALIKE_OF} of the same sex")
