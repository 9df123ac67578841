import numpy as np
import pytest
from PIL import Image

from ldm.faces.detect import Face, YuNet, overlap
from ldm.faces.model_files import YUNET, packaged

EYES_OF_COLLINS = np.array([[204, 102], [247, 104]])
EYES_OF_HOPPER = np.array([[223, 195], [302, 190]])


@pytest.fixture(scope="module")
def yunet() -> YuNet:
    return YuNet(packaged(YUNET))


@pytest.fixture(scope="module")
def plain() -> YuNet:
    """Without looking again."""
    return YuNet(packaged(YUNET), looks=0)


def face(box: list[float], points: list[list[float]] | None = None) -> Face:
    return Face(np.float32(box), np.float32(points or [[0, 0], [2, 0], [1, 1], [0, 2], [2, 2]]), 0.9)


def test_the_two_public_photographs_have_one_face_each(yunet, astronaut, hopper):
    for picture, eyes in ((astronaut, EYES_OF_COLLINS), (hopper, EYES_OF_HOPPER)):
        (found,) = yunet(np.asarray(picture))
        np.testing.assert_allclose(found.points[:2], eyes, atol=4)
        left, top, right, bottom = found.box
        assert (found.points > (left, top)).all()
        assert (found.points < (right, bottom)).all()
        assert 0.8 < found.score <= 1


def test_faces_come_largest_first(yunet, astronaut, hopper):
    both = Image.new("RGB", (1024, 600), "grey")
    both.paste(astronaut, (0, 0))
    both.paste(hopper, (512, 0))
    first, second = yunet(np.asarray(both))
    assert first.points[0, 0] > 512 > second.points[0, 0]
    assert first.size_px > second.size_px


def test_no_face_is_an_empty_list(yunet):
    for height, width in ((300, 300), (1, 1), (2, 3000), (3000, 2)):
        assert yunet(np.full((height, width, 3), 255, np.uint8)) == []


def test_a_small_face_in_a_large_photo_is_found_and_its_points_are_exact(yunet, plain, astronaut):
    small = astronaut.resize((380, 380), Image.Resampling.LANCZOS)  # a face of 67 px
    large = Image.new("RGB", (4000, 3000), (120, 130, 140))
    large.paste(small, (2500, 1800))
    (found,) = yunet(np.asarray(large))
    (known,) = yunet(np.asarray(astronaut))
    wanted = known.points * (380 / 512) + (2500, 1800)
    assert np.abs(found.points - wanted).mean() < 0.04 * found.size_px


def test_a_tiny_picture_is_enlarged_for_the_search(yunet, astronaut):
    (found,) = yunet(np.asarray(astronaut.crop((150, 40, 300, 190)).resize((40, 40), Image.Resampling.LANCZOS)))
    assert found.box[2] <= 44


@pytest.mark.parametrize("degrees", [-35, -20, 20, 35])
def test_looking_again_levels_a_tilted_face(yunet, plain, hopper, degrees):
    (upright,) = yunet(np.asarray(hopper))
    turned = np.asarray(hopper.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90)))
    errors = []
    for detector in (plain, yunet):
        (found,) = detector(turned)
        errors.append(abs(np.rad2deg(found.roll - upright.roll) + degrees))
    assert errors[1] < 4
    assert errors[1] < errors[0] + 1


def test_roll_is_clockwise_in_radians():
    level = [[0.0, 0], [2, 0], [1, 1], [0, 2], [2, 2]]
    assert face([0, 0, 2, 2], level).roll == pytest.approx(0)
    turn = np.deg2rad(30)
    clockwise = np.array(level) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    assert face([0, 0, 2, 2], clockwise.tolist()).roll == pytest.approx(turn, abs=1e-6)


def test_size_is_the_shorter_side():
    assert face([10, 10, 40, 90]).size_px == 30


def test_overlap_is_intersection_over_union():
    assert overlap(np.float32([0, 0, 2, 2]), np.float32([1, 0, 3, 2])) == pytest.approx(1 / 3)
    assert overlap(np.float32([0, 0, 1, 1]), np.float32([2, 2, 3, 3])) == 0
    assert overlap(np.float32([1, 1, 1, 1]), np.float32([1, 1, 1, 1])) == 0
