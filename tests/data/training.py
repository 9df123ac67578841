"""Folders of photos to learn from, and the run's tools without a model."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ldm.data.class_pictures import ClassPictures
from ldm.data.instances import InstancePictures
from ldm.data.sampling import SampleKey
from ldm.faces.photos import list_photos, read_photo


class Tools:
    """Pictures of 32 px in steps of 8; latents are the pictures, four times smaller; a text takes ten words."""

    sample_size_px, multiple_px = 32, 8

    def __init__(self, points=None) -> None:
        self.encoded, self.points, self.asked = 0, points, []

    def list_photos(self, folder):
        return list_photos(folder)

    def read_photo(self, path):
        return read_photo(path)

    def face_points(self, photo):
        return self.points

    def refusal(self, caption):
        over = len(caption.replace(",", " ").split()) - 10
        return f"the prompt {caption!r} is {over} words too long" if over > 0 else None

    def pieces(self, word):
        return word.split("-")

    def encode_pictures(self, images):
        self.encoded += len(images)
        return torch.nn.functional.avg_pool2d(images, 4)

    def make_class_pictures(self, wanted: ClassPictures) -> None:
        self.asked.append(wanted)


def photo(path: Path, width: int = 40, height: int = 40, value: int = 100) -> Path:
    """A picture of one grey value, brighter at the left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full((height, width, 3), value, np.uint8)
    array[:, : width // 2] += 50
    Image.fromarray(array).save(path)
    return path


def photos(folder: Path, *names: str) -> Path:
    """A folder with a picture for each name, told apart by their values 0, 10, 20, ..."""
    for number, name in enumerate(names):
        photo(folder / name, value=10 * number)
    return folder


def data(folder: Path, tools: Tools | None = None, **options) -> InstancePictures:
    options = {"instance_prompt": "a photo of sks person", "num_variants": 0} | options
    return InstancePictures(folder, tools or Tools(), **options)


def drawn(dataset, count: int):
    """``count`` draws, over and over through the data set."""
    return [dataset[SampleKey(n % len(dataset), n)] for n in range(count)]


def captions(dataset, count: int = 20) -> set[str]:
    """What the photos are trained under."""
    return {samples[0]["caption"] for samples in drawn(dataset, count)}
