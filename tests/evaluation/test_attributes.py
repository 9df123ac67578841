"""The judge of attributes: learns what can be seen, says NaN where no face is, and how often it is right."""

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation.attributes import (
    CROP_PX,
    AttributeJudge,
    balanced_accuracy,
    best_threshold,
    logits_of,
    train_net,
    varied,
)
from ldm.faces.backend import load_backend
from ldm.randomness import generator


def crops_with(bright, count=48):
    draws = np.random.default_rng(1 + bright)
    crops = draws.integers(0, 90, (count, CROP_PX, CROP_PX, 3), dtype=np.uint8)
    crops[:, 40:56, 16:48] += np.uint8(120 * bright)
    return crops


@pytest.fixture(scope="module")
def net():
    crops = np.concatenate([crops_with(False), crops_with(True)])
    labels = np.repeat([[False], [True]], 48, axis=0)
    return train_net(crops, labels, epochs=3, batch_size=16)


def test_it_learns_what_can_be_seen(net):
    assert (logits_of(net, crops_with(True, 20)) > logits_of(net, crops_with(False, 20)).max()).all()
    assert logits_of(net, crops_with(True, 0)).shape == (0, 1)


def test_training_does_not_touch_the_global_generator():
    torch.manual_seed(4)
    before = torch.get_rng_state()
    labels = np.repeat([[False], [True]], 8, axis=0)
    crops = np.concatenate([crops_with(False, 8), crops_with(True, 8)])
    one, two = (train_net(crops, labels, epochs=1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(a.equal(b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


def test_variation_stays_a_picture():
    images = torch.rand(8, 3, 64, 64) * 2 - 1
    new = varied(images, generator(0))
    assert new.shape == images.shape
    assert new.abs().max() <= 1
    assert not new.equal(images)
    assert new.equal(varied(images, generator(0)))


def test_the_judge_answers_by_name_and_nan_without_a_face(net, astronaut):
    judge = AttributeJudge(load_backend("yunet-sface").detector, net, ("Smiling",), {"Smiling": 0.0}, {"Smiling": 0.9})
    said = judge([astronaut, Image.new("RGB", (64, 64), "gray")])["Smiling"]
    assert 0 <= said[0] <= 1
    assert np.isnan(said[1])
    assert judge.source("Smiling") == "own network"
    assert judge([])["Smiling"].shape == (0,)


def test_balanced_accuracy_weighs_both_kinds_alike():
    true = np.array([True] * 2 + [False] * 8)
    assert balanced_accuracy(true, np.zeros(10, bool)) == 0.5
    assert balanced_accuracy(true, true) == 1
    with pytest.raises(ValueError, match="with the attribute and pictures without it"):
        balanced_accuracy(np.ones(3, bool), np.ones(3, bool))


def test_the_threshold_is_where_both_kinds_part():
    true = np.array([False, False, True, False, True, True])
    scores = np.array([0.0, 1, 2, 3, 4, 5])
    assert best_threshold(true, scores) in (1.5, 3.5)
    assert 1 < best_threshold(np.array([False, False, True, True]), np.arange(4.0)) < 2
