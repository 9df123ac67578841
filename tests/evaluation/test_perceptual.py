"""Pairs of pictures under a network that is handed in."""

import pytest
from PIL import Image

from evaluation.perceptual import PerceptualPairs
from evaluation.summary import Ssim
from ldm.commands.evaluate_people import distance_of
from ldm.modules import perceptual
from ldm.modules.perceptual import PerceptualDistance, is_installed
from tests.modules.test_perceptual import random_weights

needs_package = pytest.mark.skipif(not is_installed(), reason="the extra `judges` is not installed")


@pytest.fixture
def pairs(tmp_path):
    return PerceptualPairs(PerceptualDistance("alex", random_weights(tmp_path / "alex.pth")), "random")


def test_the_distance_of_pairs_is_a_distance(pairs, astronaut, hopper):
    mirrored = astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    same, far, mirror, *_ = pairs.pairs([astronaut, astronaut, hopper, mirrored])
    assert same == 0
    assert min(far, mirror) > 0
    assert pairs.pairs([hopper, astronaut]) == pytest.approx([far], rel=1e-4)


@needs_package
def test_a_shifted_picture_is_near(astronaut, hopper):
    shifted = astronaut.transform(astronaut.size, Image.Transform.AFFINE, (1, 0, 6, 0, 1, 6))
    near, far, _ = distance_of().pairs([astronaut, shifted, hopper])
    assert near < 0.1 * far


def test_the_command_takes_it_where_it_is(monkeypatch, tmp_path):
    monkeypatch.setattr(perceptual, "is_installed", lambda: False)
    assert isinstance(distance_of(), Ssim)
    weights = random_weights(tmp_path / "alex.pth")
    monkeypatch.setattr(perceptual, "is_installed", lambda: True)
    monkeypatch.setattr(perceptual, "weight_file", lambda trunk: weights)
    assert distance_of().name == "st-lpips (alex)"
