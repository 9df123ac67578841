import pytest
import torch

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.runs.photo_tools import RunTools


@pytest.fixture(scope="module")
def tools(tiny_model):
    return RunTools(LatentDiffusion(tiny_model, face_backend="yunet-sface"))


def test_sizes_are_those_of_the_model(tools):
    assert tools.sample_size_px == 16
    assert tools.multiple_px == 2 * 2, "the first stage halves once, the UNet once more"
    assert tools.encode_pictures(torch.zeros(1, 3, 12, 20)).shape == (1, 4, 6, 10)


def test_a_caption_that_does_not_fit_is_refused_with_its_reason(tools):
    assert tools.refusal("a photo of sks person") is None
    assert "has 42 tokens with begin and end, the text encoder takes 32" in tools.refusal(" ".join(["photo"] * 40))


def test_words_are_cut_as_the_model_does(tools):
    assert tools.pieces("sks") == ["sks</w>"]
    assert len(tools.pieces("sksperson")) > 1


def test_faces_are_found(tools, astronaut):
    points = tools.face_points(astronaut)
    assert len(points) == 5
    assert 200 < points[2][0] < 260
    assert tools.face_points(astronaut.crop((0, 0, 60, 60))) is None


def test_photos_are_read_and_listed(tools, tmp_path, astronaut):
    astronaut.save(tmp_path / "a.png")
    assert tools.list_photos(tmp_path) == [tmp_path / "a.png"]
    assert tools.read_photo(tmp_path / "a.png").size == (512, 512)
