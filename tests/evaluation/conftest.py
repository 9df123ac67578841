"""A judge whose eyes are colours: fast, and its answers are known."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw

from evaluation.identity import SeenFace, Vector

COLOURS = {"red": 0, "lime": 1, "blue": 2}


class ColourJudge:
    """Sees every pure-coloured rectangle as a face; its vector is the axis of its colour. Grey is nobody."""

    name = "colours"
    encoder_name = "colour-net"

    def faces(self, image: Image.Image) -> list[SeenFace]:
        pixels = np.asarray(image.convert("RGB")) > 127
        found = []
        for axis in range(3):
            wanted = np.arange(3) == axis
            rows, columns = np.nonzero((pixels == wanted).all(-1))
            if rows.size:
                box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)
                found.append(SeenFace(box, wanted.astype(np.float32)))
        return sorted(found, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))

    def vector(self, image: Image.Image) -> Vector | None:
        faces = self.faces(image)
        return faces[0].vector if faces else None

    def vectors(self, images: Sequence[Image.Image]) -> list[Vector | None]:
        return [self.vector(image) for image in images]


def drawn(*colours: str, side: int = 64) -> Image.Image:
    """Rectangles of ``colours`` from left to right on grey."""
    image = Image.new("RGB", (side, side), (90, 90, 90))
    pen = ImageDraw.Draw(image)
    width = side // max(1, len(colours))
    for place, colour in enumerate(colours):
        pen.rectangle([place * width + 4, 10, (place + 1) * width - 5, side - 10], fill=colour)
    return image


def vector_of(colour: str) -> Vector:
    """The face vector of the person called ``colour``."""
    return (np.arange(3) == COLOURS[colour]).astype(np.float32)


@pytest.fixture
def colour_judge() -> ColourJudge:
    return ColourJudge()


@pytest.fixture
def draw():  # type: ignore[no-untyped-def]
    return drawn


@pytest.fixture
def person():  # type: ignore[no-untyped-def]
    return vector_of
