import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ldm.data.augment import NATURAL, PUBLISHED, Jitter, _place, augment, face_weight, hue_rotation, on_black, uniform
from ldm.randomness import generator

STILL = Jitter(flip_p=0.0)
FFHQ = torch.tensor([(0.377, 0.469), (0.623, 0.469), (0.501, 0.613), (0.393, 0.725), (0.611, 0.725)])


def picture(size: int = 16, seed: int = 0) -> Tensor:
    return torch.rand(3, size, size, generator=generator(seed)) * 2 - 1


def luma(image: Tensor) -> Tensor:
    """Rec. 601."""
    return (image * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0)


def test_no_jitter_gives_the_picture_back() -> None:
    image = picture()
    varied, mask = augment(image, STILL, generator(1))
    torch.testing.assert_close(varied, image, atol=1e-5, rtol=0)
    assert mask.equal(torch.ones(1, 16, 16))


def test_a_variation_is_a_function_of_its_draws_and_stays_in_range() -> None:
    image, before = picture(), torch.get_rng_state()
    first, _ = augment(image, NATURAL, generator(1))
    again, _ = augment(image, NATURAL, generator(1))
    other, _ = augment(image, NATURAL, generator(2))
    assert first.equal(again)
    assert not first.equal(other)
    assert first.abs().max() <= 1
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("jitter", [STILL, replace(STILL, shift=1e-9)], ids=["by flip", "by grid"])
def test_the_mask_is_mirrored_with_the_picture(jitter: Jitter) -> None:
    image, mask = picture(), torch.rand(1, 16, 16, generator=generator(5))
    varied, moved = augment(image, replace(jitter, flip_p=1.0), generator(1), mask)
    torch.testing.assert_close(varied, image.flip(-1), atol=1e-4, rtol=0)
    torch.testing.assert_close(moved, mask.flip(-1), atol=1e-4, rtol=0)


def test_the_mask_moves_with_the_picture_but_keeps_its_light() -> None:
    image = torch.full((3, 32, 32), -1.0)
    image[:, 6:14, 18:26] = 1.0
    mask = (image[:1] + 1) / 2
    place = replace(NATURAL, brightness=0, contrast=0, saturation=0, hue=0, warmth=0, shade=0)
    for n in range(8):
        varied, moved = augment(image, place, generator(n), mask)
        torch.testing.assert_close((varied[:1] + 1) / 2, moved, atol=1e-5, rtol=0)
        light = replace(NATURAL, shift=0, zoom=0, rotate_deg=0)
        assert set(augment(image, light, generator(n), mask)[1].unique().tolist()) == {0.0, 1.0}


def test_half_of_the_pictures_are_mirrored() -> None:
    image = picture()
    mirrored = sum((augment(image, Jitter(), generator(n))[0] - image.flip(-1)).abs().max() < 1e-4 for n in range(200))
    assert 80 < mirrored < 120


@pytest.mark.parametrize("turns", [-0.5, -0.02, 0.01, 1 / 3])
def test_turning_the_hue_keeps_grey_and_the_sum(turns: float) -> None:
    turn = hue_rotation(turns)
    torch.testing.assert_close(turn @ torch.full((3,), 0.4), torch.full((3,), 0.4))
    colour = torch.tensor([0.9, 0.2, 0.4])
    torch.testing.assert_close((turn @ colour).sum(), colour.sum())
    torch.testing.assert_close(turn @ turn.T, torch.eye(3), atol=1e-6, rtol=0)


def test_a_third_of_a_turn_permutes_the_colours() -> None:
    torch.testing.assert_close(hue_rotation(1 / 3) @ torch.eye(3)[0], torch.eye(3)[1], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("jitter", "unchanged"),
    [
        (replace(STILL, brightness=0.5), lambda image: image[0] / image[1]),
        (replace(STILL, contrast=0.5), lambda image: luma(image).mean()),
        (replace(STILL, saturation=0.5), luma),
        (replace(STILL, hue=0.05), lambda image: image.sum(0)),
        (replace(STILL, warmth=0.2), lambda image: image[1]),
    ],
    ids=["brightness", "contrast", "saturation", "hue", "warmth"],
)
def test_each_kind_of_light_changes_what_it_says_and_no_more(jitter: Jitter, unchanged) -> None:
    image = picture() * 0.2  # far from the ends of the range
    varied, _ = augment(image, jitter, generator(3))
    assert (varied - image).abs().max() > 1e-3
    torch.testing.assert_close(unchanged((varied + 1) / 2), unchanged((image + 1) / 2), atol=1e-5, rtol=1e-4)


def test_shade_falls_off_over_the_picture() -> None:
    grey = torch.zeros(3, 17, 17)
    for n in range(20):
        varied, _ = augment(grey, replace(STILL, shade=0.4), generator(n))
        light = (varied[0] + 1) / 2 / 0.5
        torch.testing.assert_close(light[8, 8], torch.tensor(1.0))
        torch.testing.assert_close(light + light.flip(0, 1), torch.full((17, 17), 2.0))
        assert torch.stack([light[0, 8], light[8, 0], light[-1, 8], light[8, -1]]).max() <= 1.4 + 1e-6
        assert light.max() <= 1 + 0.4 * math.sqrt(2) + 1e-6


def test_published_jitter_moves_no_face() -> None:
    assert (PUBLISHED.shift, PUBLISHED.zoom, PUBLISHED.rotate_deg, PUBLISHED.warmth, PUBLISHED.shade) == (0,) * 5
    assert (PUBLISHED.brightness, PUBLISHED.contrast, PUBLISHED.saturation, PUBLISHED.hue) == (0.2, 0.2, 0.2, 0.01)
    assert PUBLISHED.flip_p == 0.5


def test_faces_on_black_have_the_published_sizes() -> None:
    image = torch.ones(3, 512, 512)
    heights, widths = [], []
    for n in range(80):
        canvas, mask = on_black(image, image[:1], generator(n))
        face = canvas[0] > -1
        assert mask.eq(1).all(), "a mask of one value stays"
        rows, columns = face.any(1).nonzero().flatten(), face.any(0).nonzero().flatten()
        height, width = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
        assert (canvas[:, face] > 0.99).all()
        assert int(face.sum()) == height * width, "a whole rectangle"
        assert int(height * 0.9) <= width <= min(512, height * 1.1)
        heights.append(height), widths.append(width)
    assert 51 <= min(heights) < 90
    assert 480 < max(heights) <= 511
    assert max(widths) <= 512


def test_faces_on_black_lie_anywhere() -> None:
    image = torch.ones(3, 32, 32)
    seen = torch.stack([on_black(image, image[:1], generator(n))[0][0] > -1 for n in range(300)]).float().mean(0)
    assert (seen > 0.01).all()


def test_the_smallest_pictures_still_hold_a_face() -> None:
    for n in range(50):
        assert (on_black(torch.ones(3, 8, 8), torch.ones(1, 8, 8), generator(n))[0] > 0.99).any()


def test_the_mask_lies_where_the_face_does() -> None:
    mask = torch.full((1, 64, 64), 0.3)
    mask[:, 16:48, 16:48] = 1
    for n in range(20):
        canvas, moved = on_black(mask.expand(3, -1, -1), mask, generator(n))
        assert moved.shape == (1, 64, 64)
        assert moved.min() == pytest.approx(0.3)
        torch.testing.assert_close(moved[0][canvas[0] > 0], canvas[0][canvas[0] > 0])


def test_the_weight_is_one_on_the_face_and_low_far_from_it() -> None:
    weight = face_weight(FFHQ * 64, 64, 0.3)
    assert weight.shape == (1, 64, 64)
    for x, y in (FFHQ * 64).int().tolist():
        assert weight[0, y, x] > 0.95
    corners = weight[0][[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners < 0.35).all()
    assert weight.min() >= 0.3
    assert weight.max() <= 1
    assert (weight[0, :, 32].diff().abs() < 0.2).all(), "a soft edge"


def test_the_weight_turns_with_the_face() -> None:
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    turned = (FFHQ - 0.5) @ turn.T + 0.5  # a quarter turn
    upright, lying = face_weight(FFHQ * 64, 64, 0.0), face_weight(turned * 64, 64, 0.0)
    torch.testing.assert_close(lying, torch.rot90(upright, -1, (1, 2)), atol=1e-4, rtol=0)


def test_a_background_of_one_weighs_all_alike() -> None:
    torch.testing.assert_close(face_weight(FFHQ * 16, 16, 1.0), torch.ones(1, 16, 16))


def test_uniform_covers_its_range() -> None:
    draws = generator(7)
    values = [uniform(-2, 3, draws) for _ in range(1000)]
    assert -2 <= min(values) < -1.9
    assert 2.9 < max(values) < 3
    assert math.isclose(sum(values) / 1000, 0.5, abs_tol=0.2)


@pytest.mark.parametrize(("height", "width"), [(96, 96), (64, 128), (128, 64)])
@pytest.mark.parametrize("flip_p", [0.0, 1.0])
def test_a_turn_is_a_turn_in_a_picture_of_any_shape(height: int, width: int, flip_p: float) -> None:
    """A cross that is turned stays a cross: both of its lines lean by the angle that was drawn."""
    lines = torch.zeros(2, height, width)
    lines[0, :, width // 2 - 1 : width // 2 + 1] = 1  # upright
    lines[1, height // 2 - 1 : height // 2 + 1] = 1  # level
    jitter = replace(STILL, flip_p=flip_p, rotate_deg=20.0)
    draws = generator(3)
    uniform(0, 1, draws)
    angle = uniform(-20, 20, draws)
    assert abs(angle) > 5
    turned = _place(lines, jitter, generator(3))
    x, y = torch.arange(width).float(), torch.arange(height).float()
    across = (turned[0] * x).sum(1) / turned[0].sum(1)  # where the upright line is in each row
    along = (turned[1] * y[:, None]).sum(0) / turned[1].sum(0)
    middle = slice(height // 2 - 12, height // 2 + 12), slice(width // 2 - 12, width // 2 + 12)
    upright = math.degrees(math.atan(float(across[middle[0]].diff().mean())))
    level = math.degrees(math.atan(float(along[middle[1]].diff().mean())))
    assert abs(upright) == pytest.approx(abs(angle), abs=0.3)
    assert level == pytest.approx(-upright, abs=0.3)


def test_squares_are_turned_as_before() -> None:
    """To the bit: what was learned with them stays."""
    image, draws = torch.rand(4, 24, 24, generator=generator(0)), generator(5)
    flip = -1.0 if uniform(0, 1, draws) < 0.5 else 1.0
    angle, scale = math.radians(uniform(-6, 6, draws)), 1 + uniform(-0.08, 0.08, draws)
    x, y = (2 * uniform(-0.04, 0.04, draws) for _ in range(2))
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    grid = F.affine_grid(torch.tensor([[[flip * cos, -flip * sin, x], [sin, cos, y]]]), [1, 4, 24, 24], False)
    before = F.grid_sample(image[None], grid, "bilinear", "reflection", False)[0]
    assert _place(image, NATURAL, generator(5)).equal(before)
