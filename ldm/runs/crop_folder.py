"""Photos of any shape to numbered pictures of one size: cut around the face, or in the middle."""

import csv
import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from ldm.faces.detect import Face
from ldm.faces.photos import read_photo
from ldm.files import atomic_path, disk_is_full, require_writable, write_text

SOURCES = "sources.csv"
CAPTIONS = (".txt", ".caption")

FindFace = Callable[[Image.Image], Face | None]


class CropFolder:
    """``OUT/000001.jpg``, ... and ``sources.csv``, which says what photo each was cut from.

    A photo keeps its number however many are added later; what is there already is not made again. A caption beside
    the photo goes along.

    Args:
        out: OUT.
        photos: IN, which is only read.
        width: of a picture in pixels.
        height: of a picture in pixels.
        find_face: gives the face to cut around; None cuts in the middle.
        zoom: how many times as high as the face's box a picture is, as far as the photo goes.
        black: transparency becomes black instead of white.

    Raises:
        ValueError: OUT is IN.
        OSError: OUT cannot be written.
    """

    def __init__(
        self,
        out: Path,
        photos: Path,
        width: int = 512,
        height: int = 512,
        find_face: FindFace | None = None,
        zoom: float = 3.0,
        black: bool = False,
    ) -> None:
        if out.resolve() == photos.resolve():
            raise ValueError(f"{out} is both IN and OUT: the photos are only read, choose another folder for OUT")
        require_writable(out)
        self.out, self.photos, self.size = out, photos, (width, height)
        self.find_face, self.zoom, self.behind = find_face, zoom, "black" if black else "white"
        self._numbers = self._read_numbers()

    def add(self, photo: Path) -> bool:
        """Cut ``photo``; False if that was done before.

        Raises:
            ValueError: it cannot be read, or shows no face where one is wanted.
        """
        name = photo.relative_to(self.photos).as_posix()
        number = self._numbers.get(name) or max(self._numbers.values(), default=0) + 1
        target = self.out / f"{number:06d}.jpg"
        if name in self._numbers and target.is_file():
            return False
        picture = read_photo(photo, self.behind)
        cut = picture.resize(self.size, _filter(self._window(picture), self.size), box=self._window(picture))
        with atomic_path(target) as temporary:
            cut.save(temporary, "JPEG", quality=95, subsampling=0)
        for suffix in CAPTIONS:
            if (caption := photo.with_suffix(suffix)).is_file():
                shutil.copyfile(caption, target.with_suffix(suffix))
        self._numbers[name] = number
        self._write_numbers()
        return True

    def _window(self, picture: Image.Image) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what is cut: in the target's shape, inside the photo."""
        face = self.find_face(picture) if self.find_face is not None else None
        if self.find_face is not None and face is None:
            raise ValueError("no face found: crop it by hand, or cut in the middle (--center)")
        width, height = self.size
        tall = min(float(picture.height), picture.width * height / width)
        x, y = picture.width / 2, picture.height / 2
        if face is not None:
            x, y = (float(one) for one in face.center)
            tall = min(tall, float(face.box[3] - face.box[1]) * self.zoom)
        broad = tall * width / height
        left = min(max(x - broad / 2, 0.0), picture.width - broad)
        top = min(max(y - tall / 2, 0.0), picture.height - tall)
        return left, top, left + broad, top + tall

    def _read_numbers(self) -> dict[str, int]:
        file = self.out / SOURCES
        if not file.is_file():
            if others := sorted(self.out.glob("[0-9]" * 6 + ".jpg")):
                raise ValueError(f"{others[0]} is there already and was not made here: choose another folder for OUT")
            return {}
        with file.open(encoding="utf-8", newline="") as opened:
            return {row["source"]: int(row["number"]) for row in csv.DictReader(opened)}

    def _write_numbers(self) -> None:
        table = io.StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["number", "source"])
        rows.writerows(
            [f"{number:06d}", name] for name, number in sorted(self._numbers.items(), key=lambda one: one[1])
        )
        write_text(self.out / SOURCES, table.getvalue())


def crop_all(
    folder: CropFolder, photos: Sequence[Path], advance: Callable[[int], None]
) -> tuple[int, int, list[tuple[Path, str]]]:
    """How many of ``photos`` were cut, how many were done before, and which failed and why; ``advance`` counts them.

    Raises:
        OSError: the disk is full: what would come after it would fail as well.
    """
    made, failures = 0, []
    for photo in photos:
        try:
            made += folder.add(photo)
        except (ValueError, OSError) as error:
            if disk_is_full(error):
                raise
            failures.append((photo, str(error)))
        advance(1)
    return made, len(photos) - made - len(failures), failures


def _filter(window: tuple[float, float, float, float], size: tuple[int, int]) -> Image.Resampling:
    """The mean over the area where a picture shrinks, as the old tool took it; a smooth one where it grows."""
    return Image.Resampling.BOX if window[2] - window[0] >= size[0] else Image.Resampling.BICUBIC
