import numpy as np
import pytest
from PIL import Image

from ldm.faces.align import (
    ARCFACE_112,
    FFHQ_512,
    apply,
    arcface_crop,
    arcface_matrix,
    ffhq_crop,
    ffhq_matrix,
    published_matrix,
    similarity,
)

TILTED = FFHQ_512 @ np.array([[0.9, 0.3], [-0.3, 0.9]]) + [80, 40]


def test_ffhq_to_arcface_is_the_known_similarity():
    """Golden: celeb basis, §2.3 of our specification: the published warp is none, this is the right one."""
    matrix = similarity(FFHQ_512, ARCFACE_112)
    np.testing.assert_allclose(matrix, [[0.29209, 4.4e-5, -18.930], [-4.4e-5, 0.29209, -17.860]], atol=6e-4)
    residuals = np.hypot(*(apply(matrix, FFHQ_512) - ARCFACE_112).T)
    np.testing.assert_allclose(sorted(residuals), [0.99, 1.05, 2.11, 2.42, 2.46], atol=0.006)


def test_a_similarity_turns_scales_and_moves_but_does_not_shear():
    matrix = similarity(TILTED, ARCFACE_112)
    np.testing.assert_allclose(matrix[0, 0], matrix[1, 1])
    np.testing.assert_allclose(matrix[0, 1], -matrix[1, 0])


def test_arcface_points_come_to_the_template_at_any_size():
    for size in (112, 224):
        moved = apply(arcface_matrix(ARCFACE_112 * 3 + 7, size), ARCFACE_112 * 3 + 7)
        np.testing.assert_allclose((moved + 0.5) * 112 / size - 0.5, ARCFACE_112, atol=1e-9)


def test_ffhq_crop_is_level_and_centred_between_eyes_and_mouth():
    moved = apply(ffhq_matrix(TILTED, 512), TILTED)
    eyes, mouth = moved[:2].mean(0), moved[3:].mean(0)
    np.testing.assert_allclose(eyes + 0.1 * (mouth - eyes), [255.5, 255.5], atol=4)  # the rule's centre
    assert abs(moved[0, 1] - moved[1, 1]) < 4
    np.testing.assert_allclose(moved, FFHQ_512, atol=6)  # and so near FFHQ's mean landmarks


def test_the_crops_size_follows_the_wider_of_eyes_and_mouth():
    narrow = FFHQ_512.copy()
    narrow[:2, 0] = 256 + (narrow[:2, 0] - 256) * 0.5  # turned aside: the eyes come closer, the crop must not
    full, turned = ffhq_matrix(FFHQ_512), ffhq_matrix(narrow)
    assert turned[0, 0] < 1.15 * full[0, 0]


def test_the_published_crop_lies_where_it_was_measured():
    """Celeb basis, number 15: faces come out small and high."""
    moved = apply(published_matrix(FFHQ_512), FFHQ_512)
    expected = [(42.97, 53.32), (68.35, 52.52), (56.30, 67.81), (45.53, 79.75), (68.06, 78.94)]
    np.testing.assert_allclose(moved, expected, atol=0.006)
    np.testing.assert_allclose(apply(published_matrix(TILTED), TILTED), expected, atol=0.006)


def test_points_on_one_spot_are_an_error():
    with pytest.raises(ValueError, match="no similarity transform fits these points"):
        arcface_matrix(np.full((5, 2), 3.0))
    with pytest.raises(ValueError, match="give no direction"):
        ffhq_matrix(np.full((5, 2), 3.0))


@pytest.mark.parametrize(
    ("crop", "matrix_of", "size"), [(ffhq_crop, ffhq_matrix, 256), (arcface_crop, arcface_matrix, 112)]
)
def test_what_lies_on_the_points_lies_on_the_moved_points(crop, matrix_of, size):
    picture = np.zeros((600, 700, 3), np.uint8)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]
    points = TILTED.round()
    for (x, y), colour in zip(points.astype(int), colours, strict=True):
        picture[y - 9 : y + 10, x - 9 : x + 10] = colour
    drawn = np.asarray(crop(Image.fromarray(picture), points, size), int)
    for (x, y), colour in zip(apply(matrix_of(points, size), points), colours, strict=True):
        found = drawn[round(y), round(x)]
        assert np.abs(found - colour).max() < 30, (found, colour)


def test_a_larger_photo_gives_the_same_crop(astronaut):
    points = np.array([[204, 102], [247, 105], [223, 126], [203, 142], [241, 145]], np.float64)
    twice = astronaut.resize((1024, 1024), Image.Resampling.LANCZOS)
    one = np.asarray(ffhq_crop(astronaut, points, 128), float)
    other = np.asarray(ffhq_crop(twice, points * 2 + 0.5, 128), float)
    assert np.abs(one - other).mean() < 1.5
