"""A judge whose eyes are colours in between: a face is a coloured square, who it is is its direction in RGB."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from evaluation.identity import SeenFace, Vector
from evaluation.judges import Calibration

GREY = (128, 128, 128)
PACKED_GREY = 128 * (65536 + 256 + 1)
CALIBRATION = Calibration(undetected=-0.3, stranger=0.0, same=0.9, threshold=0.6, side_px=64, people=100)
STRANGER_P5 = CALIBRATION.undetected


class ToneJudge:
    """Sees coloured squares on grey; a face's vector is its colour's direction from grey."""

    def __init__(self, name: str = "tones", encoder_name: str = "tone-net") -> None:
        self.name, self.encoder_name = name, encoder_name

    def faces(self, image: Image.Image) -> list[SeenFace]:
        pixels = np.asarray(image.convert("RGB")).astype(int)
        found = []
        packed = pixels @ [65536, 256, 1]
        for one in np.unique(packed)[np.unique(packed) != PACKED_GREY]:
            rows, columns = np.nonzero(packed == one)
            vector = (pixels[rows[0], columns[0]] - 128).astype(np.float32)
            box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)
            found.append(SeenFace(box, vector / np.linalg.norm(vector)))
        return sorted(found, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))

    def vector(self, image: Image.Image) -> Vector | None:
        return next((face.vector for face in self.faces(image)), None)

    def vectors(self, images: Sequence[Image.Image]) -> list[Vector | None]:
        return [self.vector(image) for image in images]


def face(*colours: tuple[int, int, int], side: int = 64, at: int = 0) -> Image.Image:
    """Squares of these colours from left to right on grey; ``at`` moves them down."""
    image = Image.new("RGB", (side, side), GREY)
    pen = ImageDraw.Draw(image)
    width = side // max(1, len(colours))
    for place, colour in enumerate(colours):
        pen.rectangle([place * width + 2, 6 + at, (place + 1) * width - 3, 30 + at], fill=colour)
    return image


def photos_of(number: int, count: int) -> list[tuple[int, int, int]]:
    """Colours of ``count`` photos of person ``number``: near one direction, each a little beside it."""
    draws = np.random.default_rng(number)
    middle = draws.normal(size=3)
    middle /= np.linalg.norm(middle)
    colours = []
    for _ in range(count):
        direction = middle + 0.25 * draws.normal(size=3)
        direction /= np.linalg.norm(direction)
        colours.append(tuple(round(128 + 110 * x) for x in direction))
    return colours
