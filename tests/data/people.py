"""A list of people to learn, a model that can be asked about it, and the data set of both."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.data.face_id import FaceIdDatasetOneShot
from ldm.data.manifest import Record, write_manifest
from ldm.data.sampling import SampleKey
from ldm.data.templates import TEMPLATES, caption

WORDS = ["sks", "ks", "ata"]
FFHQ_64 = tuple((64 * x, 64 * y) for x, y in ((0.38, 0.47), (0.62, 0.47), (0.5, 0.61), (0.39, 0.72), (0.61, 0.72)))
PUBLISHED_CAPTIONS = {caption(template, "face of sks person") for template in TEMPLATES}


class Model:
    """Latents are the pictures, four times smaller; a face vector is one-hot in the picture's blue."""

    face_encoder_name = "net"
    max_people = 4

    def __init__(self, size: int = 16) -> None:
        self.sample_size_px = size
        self.described: list[int] = []
        self.encoded = 0

    def describe_faces(self, pictures):
        self.described.append(len(pictures))
        return np.stack([np.eye(8, dtype=np.float32)[7 - round(np.asarray(p)[0, 0, 2] / 30)] for p in pictures])

    def encode_pictures(self, images):
        assert len(images) <= 32
        self.encoded += len(images)
        return torch.nn.functional.avg_pool2d(images, 4)


def photo(path: Path, number: int) -> Path:
    """A picture that is told by its blue, brighter at the top right."""
    array = np.full((64, 64, 3), 60, np.uint8)
    array[:32, 32:, :2] = 200
    array[..., 2] = 30 * number
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Anna with two photos, Bert and Carla with one each; vectors by "net" of which the first is that of number 0."""
    records = []
    for number, (name, person) in enumerate([("a0", "anna"), ("a1", "anna"), ("b", "bert"), ("c", "carla")]):
        picture = photo(tmp_path / "aligned" / name, number).relative_to(tmp_path)
        vector = np.eye(8, dtype=np.float32)[number]
        records.append(Record(picture, person, crop_points=FFHQ_64, vector=vector, encoder="net", size=64))
    write_manifest(tmp_path / "aligned.jsonl", records)
    return tmp_path / "aligned.jsonl"


def data(path: Path, **options) -> FaceIdDatasetOneShot:
    return FaceIdDatasetOneShot(path, options.pop("model", Model()), WORDS, **options)


def draws(dataset, count):
    return [dataset[SampleKey(n % len(dataset), n)] for n in range(count)]


def people_shown(sample):
    """Photo numbers from left to right by their blue, and how many there are."""
    blue = ((sample["image"][2] + 1) * 127.5 / 30).round()
    return [int(blue[8, 2]), int(blue[8, -3])]
