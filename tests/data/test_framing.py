import numpy as np
import pytest
import torch
from PIL import Image

from ldm.data.augment import Jitter
from ldm.data.framing import Frame
from ldm.randomness import generator

FACE = ((170.0, 30.0), (190.0, 30.0), (180.0, 40.0), (172.0, 50.0), (188.0, 50.0))
SIZE = (16, 24)


def ramp(width=200, height=80):
    """Red tells how far right a pixel is, green how far down."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(np.stack([x, y, 0 * x], -1).astype(np.uint8))


def view(frame, number=0, mask=None, points=None, photo=None):
    scaled = frame.scaled(photo or ramp(), SIZE, mask, points)
    return frame.view(scaled, SIZE, generator(0, number))


def middle(image):
    """Where in the photo the middle of the picture was, x and y."""
    return [float((image[channel].mean() + 1) * 127.5) for channel in (0, 1)]


def test_a_picture_covers_its_size_and_is_cut_in_the_middle():
    image, weight = view(Frame())
    assert image.shape == (3, *SIZE)
    assert middle(image) == pytest.approx([99.5, 39.5], abs=1)
    assert weight.equal(torch.ones(1, *SIZE))
    assert float(image[1].max() - image[1].min()) * 127.5 == pytest.approx(75, abs=2), "the short side is all there"


def test_an_upright_photo_loses_top_and_bottom():
    image, _ = view(Frame(), photo=ramp(60, 200))
    assert middle(image) == pytest.approx([29.5, 99.5], abs=1)


def test_a_face_is_kept_in_the_picture_without_leaving_the_photo():
    image, _ = view(Frame("face"), points=FACE)
    assert middle(image)[0] == pytest.approx(200 - 60, abs=1), "as far right as the photo goes"
    left = tuple((x - 110, y) for x, y in FACE)
    assert middle(view(Frame("face"), points=left)[0])[0] == pytest.approx(70, abs=3)
    assert middle(view(Frame("face"))[0])[0] == pytest.approx(99.5, abs=1), "the middle where none is found"


def test_random_crops_reach_every_part_and_depend_on_the_draw_alone():
    places = [middle(view(Frame("random"), n)[0])[0] for n in range(60)]
    assert min(places) < 65
    assert max(places) > 130
    assert view(Frame("random"), 7)[0].equal(view(Frame("random"), 7)[0])
    assert Frame("random").varies
    assert not Frame("face").varies


def test_the_loss_looks_where_the_mask_is_white():
    mask = Image.new("L", (100, 40))
    mask.paste(255, (50, 0, 100, 40))
    _, weight = view(Frame(background_weight=0.25), mask=mask)
    assert float(weight.mean()) == pytest.approx(1.0)
    assert float(weight[0, 8, 2] / weight[0, 8, -3]) == pytest.approx(0.25)


def test_the_loss_looks_at_the_face():
    _, weight = view(Frame("face", background_weight=0.1), points=FACE)
    at = np.unravel_index(int(weight[0].argmax()), SIZE)
    assert at[1] > 12, "the face is at the right"
    assert float(weight.mean()) == pytest.approx(1.0)
    assert float(weight[0, -1, 0]) == pytest.approx(float(weight.max()) * 0.1, rel=0.2)


def test_a_black_mask_weighs_every_place_alike():
    assert view(Frame(background_weight=0.0), mask=Image.new("L", (9, 9)))[1].equal(torch.ones(1, *SIZE))


def test_the_mask_is_mirrored_with_the_picture():
    mask = Image.new("L", (200, 80))
    mask.paste(255, (100, 0, 200, 80))
    frame = Frame(jitter=Jitter(flip_p=1.0), background_weight=0.0)
    image, weight = view(frame, mask=mask)
    assert float(image[0, 8, 0]) > float(image[0, 8, -1])
    assert weight[0, 8, 0] > 1
    assert weight[0, 8, -1] == 0
