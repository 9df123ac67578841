"""Sizes and masks of the picture that drawing begins with."""

import numpy as np
import pytest
from PIL import Image

from ldm.runs.source_picture import feathered, fitted, latent_mask


@pytest.mark.parametrize(
    ("size", "native", "drawn"),
    [
        ((512, 512), 64, (64, 64)),
        ((600, 400), 512, (768, 512)),
        ((100, 333), 64, (64, 216)),
        ((50, 40), 512, (640, 512)),
    ],
)
def test_the_short_side_is_the_models(size: tuple[int, int], native: int, drawn: tuple[int, int]) -> None:
    assert fitted(size, native, 8) == drawn


def square() -> Image.Image:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (16, 16, 33, 48))
    return mask


def test_every_latent_position_that_a_mask_touches_is_drawn() -> None:
    mask = latent_mask(square(), (64, 64), 8)[0, 0]
    assert mask.shape == (8, 8)
    assert mask[2:6, 2:5].all()
    assert int(mask.sum()) == 4 * 3, "33 px reach one pixel into the fifth column"
    assert latent_mask(square(), (32, 32), 8)[0, 0].shape == (4, 4)


def test_feathering_falls_off_inside_and_never_outside() -> None:
    share = feathered(square(), 4)
    assert (share[np.asarray(square()) == 0] == 0).all()
    assert share[32, 16:21].tolist() == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert (feathered(square(), 0)[20:40, 16:33] == 1).all()
    dot = Image.new("L", (9, 9))
    dot.putpixel((4, 4), 255)
    assert feathered(dot, 100)[4, 4] > 0, "what is thinner than the feather is drawn still"
    edge = Image.new("L", (9, 9), 255)
    assert (feathered(edge, 4) == 1).all(), "the picture's own edge is none of the mask"
