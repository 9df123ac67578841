"""Bootstrap and AUC: known answers and properties."""

import numpy as np
import pytest

from evaluation.bootstrap import auc, auc_difference, auc_interval, bootstrap_mean, over_people, paired_difference


def test_interval_of_equal_values_is_a_point() -> None:
    interval = bootstrap_mean([0.3] * 7)
    assert interval.value == pytest.approx(0.3)
    assert interval.low == pytest.approx(0.3)
    assert interval.high == pytest.approx(0.3)
    assert interval.n == 7


def test_interval_matches_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(1.0, 2.0, 400)
    interval = bootstrap_mean(values)
    half = 1.96 * values.std() / np.sqrt(values.size)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)


def test_interval_covers_the_truth_about_nineteen_times_in_twenty() -> None:
    generator = np.random.default_rng(1)
    intervals = [bootstrap_mean(generator.normal(0.5, 1.0, 40), replicates=1000) for _ in range(300)]
    covered = sum(i.low <= 0.5 <= i.high for i in intervals) / 300
    assert 0.90 <= covered <= 0.98


def test_two_values_give_exact_ends() -> None:
    interval = bootstrap_mean([0.0, 1.0])  # means 0, .5, 1 with chances 1/4, 1/2, 1/4
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_same_seed_same_interval_and_order_matters_not_for_the_value() -> None:
    values = np.random.default_rng(2).normal(size=30)
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values).value == pytest.approx(bootstrap_mean(values[::-1]).value)


def test_pairs_remove_what_is_common() -> None:
    person = np.random.default_rng(3).normal(0, 10, 50)
    interval = paired_difference(person + 0.1, person)
    assert interval.low == pytest.approx(0.1)
    assert interval.above(0.09)
    assert not interval.above(0.11)


def test_unequal_lengths_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="needs pairs: got 3 and 2"):
        paired_difference([1, 2, 3], [1, 2])


@pytest.mark.parametrize("values", [[], np.empty(0)])
def test_nothing_to_average_is_an_error(values: list[float]) -> None:
    with pytest.raises(ValueError, match="nothing was scored"):
        bootstrap_mean(values)


def test_nan_is_an_error_not_an_answer() -> None:
    with pytest.raises(ValueError, match="1 of 3 values are not finite"):
        bootstrap_mean([0.1, float("nan"), 0.2])


def test_auc_known_answers() -> None:
    assert auc([2, 3], [0, 1]) == 1.0
    assert auc([0, 1], [2, 3]) == 0.0
    assert auc([1, 1], [1, 1]) == 0.5
    assert auc([1, 3], [0, 2]) == pytest.approx(3 / 4)


def test_auc_is_what_scikit_learn_says() -> None:
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(4)
    a, b = generator.normal(1, 1, 60).round(1), generator.normal(0, 1, 80).round(1)
    assert auc(a, b) == pytest.approx(roc_auc_score([1] * 60 + [0] * 80, np.concatenate([a, b])))


def test_auc_interval_of_a_perfect_and_of_a_blind_judge() -> None:
    perfect = auc_interval(np.eye(12))
    assert (perfect.value, perfect.low, perfect.high, perfect.n) == (1.0, 1.0, 1.0, 12)
    blind = auc_interval(np.random.default_rng(5).normal(size=(25, 25)))
    assert blind.low < 0.5 < blind.high


def test_auc_interval_equals_a_loop_over_replicates() -> None:
    """The vectorised weights give what drawing people one by one gives."""
    scores = np.random.default_rng(6).normal(size=(6, 6)) + np.eye(6)
    found = auc_interval(scores, replicates=400, seed=7)
    generator = np.random.default_rng(7)
    loop = []
    for counts in np.concatenate([generator.multinomial(6, [1 / 6] * 6, size=s) for s in (250, 150)]):
        people = np.repeat(np.arange(6), counts)
        matched = [scores[p, p] for p in people]
        strangers = [scores[p, q] for p in people for q in people if p != q]
        if strangers:
            loop.append(auc(matched, strangers))
    assert (found.low, found.high) == pytest.approx(np.quantile(loop, [0.025, 0.975]))


def test_auc_interval_wants_a_square() -> None:
    with pytest.raises(ValueError, match=r"square matrix of at least 2 people, got shape \(2, 3\)"):
        auc_interval(np.zeros((2, 3)))


def test_strangers_can_be_chosen() -> None:
    """Two kinds of people: matched scores beat their own kind's strangers, and lose to the other kind's."""
    kind = np.arange(8) % 2 == 0
    same = np.equal.outer(kind, kind)
    scores = np.where(same, 0.0, 2.0) + np.eye(8)
    assert auc_interval(scores, strangers=same).value == 1.0
    assert auc_interval(scores, strangers=~same).value == 0.0
    with pytest.raises(ValueError, match="pair of strangers: none is left"):
        auc_interval(scores, strangers=np.eye(8, dtype=bool))


def test_a_paired_difference_of_aucs_has_no_noise_where_both_have_the_same() -> None:
    noise = np.random.default_rng(8).normal(size=(15, 15))
    same = auc_difference(noise, noise)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    better = auc_difference(noise + 3 * np.eye(15), noise)
    assert better.value == pytest.approx(auc_interval(noise + 3 * np.eye(15)).value - auc_interval(noise).value)
    assert better.above(0)
    with pytest.raises(ValueError, match=r"the same people: got \(15, 15\) and \(3, 3\)"):
        auc_difference(noise, np.eye(3))


def test_people_are_drawn_whole() -> None:
    people, values = np.repeat(["a", "b"], 50), np.repeat([0.0, 1.0], 50)
    found = over_people(people, lambda at: float(values[at].mean()), 400)
    assert (found.value, found.low, found.high, found.n) == (0.5, 0, 1, 2)
    assert np.isnan(over_people(people, lambda at: float("nan")).value)
