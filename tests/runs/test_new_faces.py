"""Photos as face vectors."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from ldm.data.manifest import read_manifest
from ldm.faces.backend import load_backend
from ldm.runs.new_faces import describe_photos
from tests.tiny_model import BACKEND


def test_a_photo_is_described_as_alignment_does(
    tiny_manifest: Path, astronaut: Image.Image, hopper: Image.Image, tmp_path: Path
) -> None:
    astronaut.save(tmp_path / "a.png")
    hopper.save(tmp_path / "b.png")
    vectors = describe_photos([tmp_path / "b.png", tmp_path / "a.png"], load_backend(BACKEND))
    aligned = torch.tensor([list(record.vector) for record in read_manifest(tiny_manifest)])
    assert (vectors @ aligned.T).argmax(1).tolist() == [1, 0]
    assert float((vectors[1] * aligned[0]).sum()) > 0.95


def test_a_photo_without_a_face_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "grey.png")
    with pytest.raises(ValueError, match=r"grey\.png: no face"):
        describe_photos([tmp_path / "grey.png"], load_backend(BACKEND))
