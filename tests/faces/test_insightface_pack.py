import importlib.util
import socket
from pathlib import Path

import numpy as np
import pytest

from ldm.faces import insightface_pack
from ldm.faces.insightface_pack import PackError, Scrfd, find_pack, pack_folder
from tests.faces.nets import save_other, save_recognition, save_scrfd

BOX = (400.0, 100.0, 500.0, 220.0)
POINTS = [(425.0, 150.0), (475.0, 150.0), (450.0, 175.0), (430.0, 200.0), (470.0, 200.0)]

needs_insightface = pytest.mark.skipif(
    importlib.util.find_spec("insightface") is None, reason="the insightface extra is not installed"
)


@pytest.fixture
def root(tmp_path) -> Path:
    """A pack as buffalo_l is laid out: detector, recognition, and others that are not used."""
    folder = tmp_path / "models" / "buffalo_l"
    save_scrfd(folder / "det_10g.onnx", BOX, POINTS)
    save_recognition(folder / "w600k_r50.onnx")
    save_other(folder / "2d106det.onnx")
    return tmp_path


def test_the_two_files_are_told_apart_by_their_shapes(root):
    pack = find_pack("buffalo_l", root)
    assert (pack.name, pack.detector.name, pack.encoder.name) == ("buffalo_l", "det_10g.onnx", "w600k_r50.onnx")


def test_a_folder_is_a_pack_too(root):
    assert find_pack(str(root / "models" / "buffalo_l")).encoder.name == "w600k_r50.onnx"


def test_a_missing_pack_says_what_to_put_where_and_asks_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a network was asked"))
    with pytest.raises(
        PackError, match=r"no insightface pack 'antelopev2': no \.onnx files in .*models.antelopev2"
    ) as info:
        find_pack("antelopev2", tmp_path)
    assert "glintr100.onnx" in str(info.value)
    assert "yunet-sface" in str(info.value)
    assert "weights/README.md says from where" in str(info.value)
    places = Path(insightface_pack.__file__).parents[2] / "weights" / "README.md"
    assert "antelopev2" in places.read_text(encoding="utf-8")


def test_an_incomplete_pack_names_what_is_there(root):
    (root / "models" / "buffalo_l" / "w600k_r50.onnx").unlink()
    with pytest.raises(PackError, match=r"has no encoder .* it holds 2d106det\.onnx, det_10g\.onnx"):
        find_pack("buffalo_l", root)


def test_without_a_root_weights_here_come_before_those_of_the_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert pack_folder("x") == Path("weights/insightface/models/x")
    monkeypatch.setattr(insightface_pack, "__file__", str(tmp_path / "repo" / "ldm" / "faces" / "insightface_pack.py"))
    there = tmp_path / "repo" / "weights" / "insightface" / "models" / "x"
    there.mkdir(parents=True)
    assert pack_folder("x") == there


def test_without_insightface_the_extra_is_named(root, monkeypatch):
    monkeypatch.setattr(insightface_pack, "is_installed", lambda: False)
    with pytest.raises(PackError, match="pip install 'insightface"):
        Scrfd(root / "models" / "buffalo_l" / "det_10g.onnx")


@needs_insightface
@pytest.mark.parametrize("scale", [1, 2])
def test_scrfd_faces_are_in_pixels_of_the_picture(root, scale):
    detector = Scrfd(root / "models" / "buffalo_l" / "det_10g.onnx")
    (face,) = detector(np.zeros((640 * scale, 640 * scale, 3), np.uint8))
    np.testing.assert_allclose(face.box, np.array(BOX) * scale, atol=1e-3)
    np.testing.assert_allclose(face.points, np.array(POINTS) * scale, atol=1e-3)
    assert face.score == pytest.approx(0.9)
    assert detector.name == "scrfd-det_10g"


@needs_insightface
@pytest.mark.parametrize("scales_itself", [False, True])
def test_our_encoder_gives_insightfaces_own_vectors(tmp_path, astronaut, scales_itself):
    from insightface.model_zoo import ArcFaceONNX

    from ldm.faces.align import arcface_crop
    from ldm.faces.encode import arcface

    model = save_recognition(tmp_path / "w600k_r50.onnx", scales_itself)
    points = np.array([[204, 102], [247, 105], [223, 126], [203, 142], [241, 145]], np.float32)
    crop = np.asarray(arcface_crop(astronaut, points))
    theirs = ArcFaceONNX(str(model)).get_feat(crop[:, :, ::-1])[0]
    ours = arcface(model)([crop])[0]
    np.testing.assert_allclose(ours, theirs / np.linalg.norm(theirs), atol=1e-5)


@needs_insightface
def test_our_crop_is_where_insightface_crops(astronaut):
    from insightface.utils import face_align

    from ldm.faces.align import arcface_matrix

    points = np.array([[204, 102], [247, 105], [223, 126], [203, 142], [241, 145]], np.float32)
    np.testing.assert_allclose(arcface_matrix(points), face_align.estimate_norm(points, 112), atol=1e-3)
