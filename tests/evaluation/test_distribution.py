"""Distances of clouds: closed forms, equal counts, seeds."""

import numpy as np
import pytest
import torch

from evaluation import distribution
from evaluation.distribution import frechet_distance, inception_score, kernel_distance, likeness, share_among
from evaluation.features import Described


def cloud(count=400, width=4, shift=0.0, scale=1.0, seed=0):
    return np.random.default_rng(seed).normal(shift, scale, (count, width))


def test_frechet_is_the_closed_form():
    a, b = cloud(), cloud(seed=1, shift=2.0, scale=0.5)
    from scipy.linalg import sqrtm

    ca, cb = np.cov(a.T), np.cov(b.T)
    own = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(ca + cb - 2 * np.real(sqrtm(ca @ cb)))
    assert frechet_distance(a, b) == pytest.approx(own, rel=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-8)


def test_kernel_distance_grows_and_its_interval_holds_nothing_for_equals():
    near, far = kernel_distance(cloud(), cloud(seed=1)), kernel_distance(cloud(), cloud(seed=1, shift=1.0))
    assert near[1] < 0 < near[2]
    assert far[1] > near[2]
    before = torch.get_rng_state()
    assert kernel_distance(cloud(), cloud(seed=1)) == near, "seeded"
    assert torch.equal(torch.get_rng_state(), before)


def test_the_interval_covers_the_truth_about_nineteen_times_in_twenty(monkeypatch):
    monkeypatch.setattr(distribution, "SUBSETS", 30)
    draws = np.random.default_rng(0)

    def pair(count):
        return draws.normal(0.5, 1, (count, 4)), draws.normal(0, 1, (count, 4))

    kernel = lambda x, y: ((x @ y.T / 4 + 1) ** 3).mean()  # noqa: E731
    (a, b), (c, d) = pair(3000), pair(3000)
    truth = kernel(a, c) + kernel(b, d) - kernel(a, d) - kernel(c, b)  # no picture meets itself
    found = np.array([kernel_distance(*pair(60)) for _ in range(100)])
    covered = np.mean((found[:, 1] <= truth) & (truth <= found[:, 2]))
    assert 0.87 <= covered <= 0.99
    assert 0.8 < (found[:, 2] - found[:, 1]).mean() / (2 * 1.96 * found[:, 0].std()) < 1.2


def test_of_unequal_sets_the_smaller_one_says_how_sure_a_distance_is():
    few = kernel_distance(cloud(400, shift=1.0), cloud(40, seed=1))
    many = kernel_distance(cloud(400, shift=1.0), cloud(400, seed=1))
    assert few[2] - few[1] > many[2] - many[1]


def test_precision_and_recall_tell_collapse_from_noise():
    real = cloud()
    collapsed, wide = np.repeat(real[:1], 400, 0) + 1e-3 * cloud(seed=2), cloud(seed=3, scale=6.0)
    assert share_among(collapsed, real) == 1
    assert share_among(real, collapsed) < 0.1
    assert share_among(wide, real) < 0.3
    assert share_among(real, real) == 1


def test_inception_score_of_sure_and_even_classes_is_their_number():
    logits = np.log(np.eye(5)[np.arange(500) % 5] * 0.999 + 0.0002)
    assert inception_score(logits)[0] == pytest.approx(5, rel=0.05)


def test_counts_must_be_equal_and_enough():
    found = likeness(Described(cloud(40), faceless=4), Described(cloud(40, seed=1)))
    assert (found.count, found.faceless, found.inception_score) == (40, 0.1, None)
    with pytest.raises(ValueError, match="compared at equal counts: 40 and 30 pictures"):
        likeness(Described(cloud(40)), Described(cloud(30)))
    with pytest.raises(ValueError, match="needs at least 10 pictures, 5 given"):
        likeness(Described(cloud(5)), Described(cloud(5)))
