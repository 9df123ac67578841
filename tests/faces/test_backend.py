import importlib.util

import cv2
import numpy as np
import pytest
from PIL import Image

from ldm.faces import backend as backend_module
from ldm.faces import encode
from ldm.faces.backend import FaceBackend, load_backend, network_of
from ldm.faces.insightface_pack import PackError
from tests.faces.nets import save_recognition, save_scrfd

needs_insightface = pytest.mark.skipif(
    importlib.util.find_spec("insightface") is None, reason="the insightface extra is not installed"
)


@pytest.fixture(scope="module")
def built_in() -> FaceBackend:
    return load_backend("yunet-sface")


def save_pack(root, name="buffalo_l"):
    points = [(230.0, 200.0), (280.0, 200.0), (255.0, 230.0), (235.0, 255.0), (275.0, 255.0)]
    save_scrfd(root / "models" / name / "det_10g.onnx", (200.0, 150.0, 310.0, 290.0), points)
    save_recognition(root / "models" / name / "w600k_r50.onnx")


def test_the_built_in_backend_finds_and_describes(built_in, astronaut, hopper):
    assert (built_in.name, built_in.detector.name, built_in.encoder.name) == ("yunet-sface", "yunet", "sface")
    vectors = [built_in.describe(picture, built_in.largest(picture)) for picture in (astronaut, hopper)]
    assert vectors[0].shape == (128,)
    assert vectors[0].dtype == np.float32
    assert vectors[0] @ vectors[1] < 0.3


def test_vectors_of_the_published_crop_have_a_name_of_their_own(built_in, hopper):
    published = built_in.with_crop("published")
    assert (built_in.vectors.name, published.vectors.name, published.vectors.dim) == ("sface", "sface@published", 128)
    assert network_of(published.vectors_name) == network_of(built_in.vectors_name) == "sface"
    face = built_in.largest(hopper)
    assert 0.3 < built_in.describe(hopper, face) @ published.describe(hopper, face) < 0.99
    assert built_in.for_vectors("sface@published") == published
    assert published.for_vectors("sface") == built_in
    with pytest.raises(ValueError, match="of glint360k@published are needed, yunet-sface gives those of sface@publ"):
        built_in.for_vectors("glint360k@published")


def test_networks_are_loaded_at_first_use(monkeypatch, astronaut):
    def refused(*_, **__):
        raise AssertionError("a network was loaded")

    monkeypatch.setattr(encode, "open_session", refused)
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", refused)
    backend = load_backend("yunet-sface")
    assert (backend.detector.name, backend.encoder.name, backend.encoder.dim) == ("yunet", "sface", 128)
    with pytest.raises(AssertionError, match="a network was loaded"):
        backend.faces(astronaut)


def test_no_face_is_none(built_in):
    assert built_in.largest(Image.new("RGB", (200, 200), "white")) is None
    assert built_in.faces(Image.new("RGB", (200, 200), "white")) == []


def test_auto_is_the_built_in_backend_where_no_pack_lies(tmp_path):
    assert load_backend("auto", tmp_path).name == "yunet-sface"


def test_auto_does_not_take_a_pack_when_insightface_is_not_installed(tmp_path, monkeypatch):
    save_pack(tmp_path)
    monkeypatch.setattr(backend_module, "is_installed", lambda: False)
    assert load_backend("auto", tmp_path).name == "yunet-sface"


def test_auto_names_the_first_complete_pack(tmp_path, monkeypatch):
    monkeypatch.setattr(backend_module, "is_installed", lambda: True)
    save_pack(tmp_path)
    (tmp_path / "models" / "antelopev2").mkdir()
    assert backend_module._first_complete_pack(tmp_path) == "buffalo_l"


def test_a_pack_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(PackError, match="no insightface pack 'buffalo_s'"):
        load_backend("buffalo_s", tmp_path)


@needs_insightface
@pytest.mark.parametrize("name", ["auto", "buffalo_l", "folder"])
def test_a_pack_is_used_by_name_by_folder_and_by_auto(tmp_path, astronaut, name):
    save_pack(tmp_path)
    backend = load_backend(str(tmp_path / "models" / "buffalo_l") if name == "folder" else name, tmp_path)
    assert (backend.name, backend.detector.name, backend.encoder.name) == ("buffalo_l", "scrfd-det_10g", "w600k_r50")
    face = backend.largest(astronaut)
    assert face is not None
    assert backend.describe(astronaut, face).shape == (512,)
