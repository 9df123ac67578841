import numpy as np
import pytest
from PIL import Image, ImageEnhance

from ldm.faces import encode as encode_module
from ldm.faces.align import arcface_crop
from ldm.faces.detect import YuNet
from ldm.faces.encode import CENTRED, RAW, OnnxEncoder, Preprocessing, arcface, declared_width, sface
from ldm.faces.model_files import SFACE, YUNET, packaged
from tests.conftest import needs_shared
from tests.faces.nets import save_recognition


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return sface()


@pytest.fixture(scope="module")
def crop_of():
    detector = YuNet(packaged(YUNET))
    return lambda picture: np.asarray(arcface_crop(picture, detector(np.asarray(picture))[0].points))


def noise(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(1).integers(0, 256, (count, 112, 112, 3), dtype=np.uint8))


def test_preprocessing_scales_in_rgb_order_and_turns_channels_last():
    red = np.zeros((1, 112, 112, 3), np.uint8)
    red[..., 0] = 255
    rgb = Preprocessing((55, 0, 0), (100, 1, 1))(red)
    bgr = Preprocessing((55, 0, 0), (100, 1, 1), "BGR")(red)
    assert rgb.shape == (1, 3, 112, 112)
    assert rgb.dtype == np.float32
    np.testing.assert_allclose(rgb[0, :, 5, 5], [2, 0, 0])
    np.testing.assert_allclose(bgr[0, :, 5, 5], [0, 0, 2])


def test_vectors_are_unit_and_do_not_depend_on_the_batch(encoder):
    crops = noise(3)
    together = encoder(crops)
    assert together.shape == (3, encoder.dim) == (3, 128)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together[1], encoder(crops[1:2])[0], atol=1e-6)


def test_no_crops_give_no_vectors(encoder):
    assert encoder([]).shape == (0, 128)


def test_a_crop_of_another_size_is_an_error(encoder):
    with pytest.raises(ValueError, match=r"sface takes ArcFace crops \(112, 112, 3\) uint8, not \(96, 112, 3\) uint8"):
        encoder([np.zeros((96, 112, 3), np.uint8)])


def test_one_person_is_nearer_than_two(encoder, crop_of, astronaut, hopper):
    collins = encoder([crop_of(astronaut)])[0]
    darker = encoder([crop_of(ImageEnhance.Brightness(astronaut).enhance(0.6))])[0]
    smaller = encoder([crop_of(astronaut.resize((256, 256), Image.Resampling.LANCZOS))])[0]
    other = encoder([crop_of(hopper)])[0]
    assert collins @ darker > 0.7
    assert collins @ smaller > 0.7
    assert collins @ other < 0.3


@needs_shared
def test_sface_tells_people_apart(encoder, crop_of, shared_data):
    """Measured on 300 + 300 pairs: 99.3 % (BGR instead of RGB 98.8 %, pixels in [-1, 1] 58 %)."""
    folders = [folder for folder in sorted((shared_data / "lfw").iterdir()) if len(list(folder.glob("*.jpg"))) == 2][
        :200:10
    ]
    pairs = [[Image.open(path).convert("RGB") for path in sorted(folder.glob("*.jpg"))] for folder in folders]
    first = encoder([crop_of(pair[0]) for pair in pairs])
    second = encoder([crop_of(pair[1]) for pair in pairs])
    same = (first * second).sum(1)
    different = (first * np.roll(second, 1, axis=0)).sum(1)
    assert ((same > 0.36).mean() + (different <= 0.36).mean()) / 2 >= 0.95


@needs_shared
def test_mobilefacenet_by_its_declared_preprocessing(crop_of, shared_data, astronaut, hopper):
    from ldm.faces.encode import IMAGENET

    encoder = OnnxEncoder(shared_data / "face" / "mobilefacenet_foamliu.onnx", "mobilefacenet", IMAGENET)
    vectors = encoder([crop_of(astronaut), crop_of(ImageEnhance.Brightness(astronaut).enhance(0.7)), crop_of(hopper)])
    assert vectors.shape == (3, 128)
    assert vectors[0] @ vectors[1] > 0.7
    assert vectors[0] @ vectors[2] < 0.4


@pytest.mark.parametrize(("scales_itself", "preprocessing"), [(False, CENTRED), (True, RAW)])
def test_arcface_follows_insightfaces_rule_of_scaling(tmp_path, scales_itself, preprocessing):
    encoder = arcface(save_recognition(tmp_path / "w600k.onnx", scales_itself))
    assert encoder.preprocessing == preprocessing
    assert (encoder.name, encoder.dim) == ("w600k", 512)


def test_name_and_dim_are_known_before_the_network_is_loaded(tmp_path, monkeypatch):
    def refused(*_):
        raise AssertionError("a network was loaded")

    monkeypatch.setattr(encode_module, "open_session", refused)
    net = arcface(save_recognition(tmp_path / "w600k.onnx"))
    assert (net.name, net.dim, sface().name, sface().dim) == ("w600k", 512, "sface", 128)
    with pytest.raises(AssertionError, match="a network was loaded"):
        net(noise(1))


@pytest.mark.parametrize("declared", ["F", 512])
def test_a_file_that_leaves_its_width_open_is_run_once(tmp_path, declared):
    assert arcface(save_recognition(tmp_path / "net.onnx", declared=declared)).dim == 512


def test_sface_gives_as_many_numbers_as_it_says(encoder):
    assert encoder.dim == declared_width(packaged(SFACE)) == encoder(noise(1)).shape[1]


def test_both_kinds_of_arcface_file_give_the_same_vectors(tmp_path):
    plain = arcface(save_recognition(tmp_path / "a.onnx"))
    scaling = arcface(save_recognition(tmp_path / "b.onnx", scales_itself=True, batch=1))
    crops = noise(2)
    np.testing.assert_allclose((plain(crops) * scaling(crops)).sum(1), 1, atol=1e-4)
