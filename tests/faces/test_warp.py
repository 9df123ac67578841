import numpy as np
import pytest
from PIL import Image

from ldm.faces import warp as warp_module
from ldm.faces.warp import warp


def scaled(factor: float, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Scale about the picture's corner, pixel edges on pixel edges."""
    return np.array([[factor, 0, factor / 2 - 0.5 + shift[0]], [0, factor, factor / 2 - 0.5 + shift[1]]])


def noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_the_identity_changes_nothing():
    picture = noise(40, 40)
    np.testing.assert_array_equal(np.asarray(warp(picture, np.eye(2, 3), 40)), np.asarray(picture))


def test_whole_pixel_moves_are_exact_and_outside_is_black():
    picture = noise(40, 40)
    moved = np.asarray(warp(picture, np.array([[1.0, 0, 5], [0, 1, -3]]), 40))
    np.testing.assert_array_equal(moved[:37, 5:], np.asarray(picture)[3:, :35])
    assert not moved[37:].any()
    assert not moved[:, :5].any()


def test_a_turn_by_a_right_angle_equals_pillows():
    picture = noise(40, 40)
    turned = warp(picture, np.array([[0.0, 1, 0], [-1, 0, 39]]), 40)  # (x, y) -> (y, 39 - x)
    np.testing.assert_array_equal(np.asarray(turned), np.asarray(picture.rotate(90)))


@pytest.mark.parametrize("factor", [0.13, 0.3, 0.45, 0.6])
def test_fine_stripes_become_grey_when_shrunk(factor):
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    size = int(400 * factor)
    drawn = np.asarray(warp(Image.fromarray(stripes), scaled(factor), size), float)[8:-8, 8:-8]
    if factor < 0.5:  # the stripes are finer than the canvas can show
        assert np.abs(drawn - 127.5).max() < 12
    assert abs(drawn.mean() - 127.5) < 3


@pytest.mark.parametrize("factor", [0.2, 0.5, 0.75])
def test_shrinking_is_as_good_as_pillows_own(factor, astronaut):
    size = int(512 * factor)
    drawn = np.asarray(warp(astronaut, scaled(size / 512), size), float)
    wanted = np.asarray(astronaut.resize((size, size), Image.Resampling.LANCZOS), float)
    assert np.abs(drawn - wanted)[4:-4, 4:-4].mean() < 2.5


def test_a_huge_photo_is_reduced_first_and_lands_on_the_same_place(astronaut, monkeypatch):
    whole = np.asarray(warp(astronaut, scaled(0.25), 128), float)
    monkeypatch.setattr(warp_module, "MAX_OVERSAMPLING", 2)
    reduced = np.asarray(warp(astronaut, scaled(0.25), 128), float)
    assert np.abs(whole - reduced)[4:-4, 4:-4].mean() < 3


def test_beyond_the_border_the_photo_is_mirrored_then_soft():
    picture = noise(64, 64)
    drawn = np.asarray(warp(picture, np.array([[1.0, 0, 32], [0, 1, 32]]), 128, border="mirror"), float)
    np.testing.assert_array_equal(drawn[32:96, 32:96], np.asarray(picture, float))  # the photo itself is untouched
    assert drawn[:, 4:28].mean() > 100  # not black
    inside, outside = drawn[32:96, 32:96].std(), drawn[32:96, :8].std()
    assert outside < 0.3 * inside


def test_a_photo_much_smaller_than_the_canvas_is_mirrored_again_and_again():
    drawn = np.asarray(warp(Image.new("RGB", (3, 2), (10, 200, 30)), np.eye(2, 3), 64, border="mirror"))
    assert (drawn == (10, 200, 30)).all()


def test_a_canvas_beside_the_photo_is_black():
    assert not np.asarray(warp(noise(20, 20), np.array([[1.0, 0, 500], [0, 1, 500]]), 32)).any()
