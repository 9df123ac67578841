"""Measures of action units: parity with scikit-learn and closed forms, and properties."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score, roc_auc_score

from evaluation import au_metrics as measures

DRAWS = np.random.default_rng(0)
TRUE = DRAWS.random(200) < 0.2
SCORES = DRAWS.normal(size=200) + TRUE
SHROUT = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Shrout and Fleiss 1979, table 2: six targets, four judges; their table 4 gives ICC(3,1) = .71."""


def test_parity_with_libraries() -> None:
    said = SCORES > 0.5
    assert measures.f1(TRUE, said) == pytest.approx(f1_score(TRUE, said))
    assert measures.auc(TRUE, SCORES) == pytest.approx(roc_auc_score(TRUE, SCORES))
    asked, measured = DRAWS.integers(0, 6, 50).astype(float), DRAWS.integers(0, 6, 50).astype(float)
    assert measures.spearman(asked, measured) == pytest.approx(stats.spearmanr(asked, measured).statistic)
    assert measures.pearson(asked, measured) == pytest.approx(stats.pearsonr(asked, measured).statistic)
    assert measures.slope(asked, measured) == pytest.approx(stats.linregress(asked, measured).slope)
    assert round(measures.icc(SHROUT), 2) == 0.71


def test_f1_of_one_who_always_says_present_is_the_closed_form() -> None:
    rate = TRUE.mean()
    assert measures.always_f1(TRUE) == pytest.approx(2 * rate / (1 + rate))
    assert measures.skew_f1(TRUE, np.ones_like(TRUE)) == pytest.approx(2 / 3)


def test_skew_normalised_f1_does_not_know_the_base_rate() -> None:
    said = SCORES > 0.5
    once = measures.skew_f1(TRUE, said)
    more = np.concatenate([np.flatnonzero(TRUE), *[np.flatnonzero(~TRUE)] * 5])
    assert measures.skew_f1(TRUE[more], said[more]) == pytest.approx(once)
    assert measures.f1(TRUE[more], said[more]) < measures.f1(TRUE, said)
    rare, frequent = np.flatnonzero(TRUE), np.flatnonzero(~TRUE)
    balanced = np.concatenate([np.repeat(rare, len(frequent)), np.repeat(frequent, len(rare))])
    assert measures.f1(TRUE[balanced], said[balanced]) == pytest.approx(once)


def test_icc_is_blind_to_a_shift_and_not_to_a_scale() -> None:
    one = DRAWS.normal(size=40)
    assert measures.icc(np.stack([one, one + 3], 1)) == pytest.approx(1)
    assert measures.icc(np.stack([one, 3 * one], 1)) < 0.7
    assert np.isnan(measures.icc(np.ones((5, 2))))


def test_perfect_deaf_and_reversed_responses() -> None:
    asked, noise = np.tile(np.arange(6.0), 4), np.repeat(range(4), 6)
    people = np.repeat(["a", "b"], 12)
    perfect = measures.dose(asked, asked, people, noise)
    assert (perfect.spearman.value, perfect.slope.value, perfect.monotonicity.value) == pytest.approx((1, 1, 1))
    deaf = measures.dose(asked, np.full(24, 2.0), people, noise)
    assert (deaf.spearman.value, deaf.slope.value, deaf.monotonicity.value) == pytest.approx((0, 0, 0.5))
    turned = measures.dose(asked, 5 - asked, people, noise)
    assert (turned.spearman.value, turned.slope.value, turned.monotonicity.value) == pytest.approx((-1, -1, 0))


def test_monotonicity_compares_pictures_from_the_same_noise_only() -> None:
    asked, measured = np.array([0.0, 5, 0, 5]), np.array([0.0, 1, 3, 4])
    assert measures.monotonicity(asked, measured, [0, 0, 1, 1]) == 1
    assert measures.monotonicity(asked, measured, [0, 0, 0, 0]) == 0.75
    assert np.isnan(measures.monotonicity(asked, measured, [0, 1, 2, 3]))


def test_a_picture_without_a_face_is_the_opposite_of_what_was_asked() -> None:
    asked, gone = np.array([0.0, 5, 2]), np.full(3, np.nan)
    assert measures.against(asked, gone) == pytest.approx([5, 0, 3])
    there = np.array([1.0, 0, 1, 0])
    found = measures.agreement(there, 5 * there, np.full(4, np.nan), list("abcd"), 2.5, 20)
    assert (found.f1.value, found.auc.value, found.skew_f1.value) == (0, 0, 0)


def test_agreement_of_perfect_and_of_random_pictures() -> None:
    there = np.tile([0.0, 1, np.nan], 20)
    asked = np.where(np.isnan(there), np.nan, there * 4)
    measured = np.nan_to_num(asked)
    people = np.repeat(range(12), 5)
    perfect = measures.agreement(there, asked, measured, people, 2.5, 50)
    assert perfect.pictures == 40
    assert (perfect.rate, perfect.always) == (0.5, pytest.approx(2 / 3))
    for interval in (perfect.f1, perfect.skew_f1, perfect.auc, perfect.icc, perfect.pearson):
        assert (interval.value, interval.low, interval.high, interval.n) == pytest.approx((1, 1, 1, 12))
    random = measures.agreement(there, asked, DRAWS.random(60) * 5, people, 2.5, 200)
    assert random.auc.low < 0.5 < random.auc.high


def test_nothing_asked_and_one_level_are_said() -> None:
    nothing = np.full(3, np.nan)
    with pytest.raises(ValueError, match="nothing was asked of this unit"):
        measures.agreement(nothing, nothing, nothing, list("abc"), 2.5)
    with pytest.raises(ValueError, match="at least two levels asked of one person"):
        measures.dose(np.ones(3), np.ones(3), list("aab"), [0, 0, 0])


def test_leak_is_the_mean_absolute_change_of_what_is_known() -> None:
    first = np.array([[0.0, np.nan, 1], [1, np.nan, 2]])
    assert measures.leak(first, first) == 0
    assert measures.leak(first, first + np.array([1, 0, -3])) == 2
    assert np.isnan(measures.leak(np.full((2, 2), np.nan), np.zeros((2, 2))))
