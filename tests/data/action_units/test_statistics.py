from pathlib import Path

import pytest

from ldm.data.action_units.sample import AuSample
from ldm.data.action_units.statistics import base_rates, sample_weights, table, unit_weights


def samples(*rows):
    return [AuSample(Path(f"{n}"), "x", occurrence=row) for n, row in enumerate(rows)]


def test_unknown_does_not_count_as_absent():
    [rate] = base_rates(samples({12: True}, {12: None}, {12: False}, {12: None}))
    assert (rate.known, rate.present, rate.rate) == (2, 1, 0.5)
    assert rate.always_f1 == pytest.approx(2 / 3), "precision 1/2, recall 1"


def test_rare_units_weigh_more_and_the_mean_is_1():
    rates = base_rates(samples(*[{1: n == 0, 12: n < 5, 4: False} for n in range(10)]))
    weights = unit_weights(rates)
    assert weights[1] / weights[12] == pytest.approx(5)
    assert (weights[1] + weights[12]) / 2 == pytest.approx(1)
    assert weights[4] == 0


def test_samples_are_drawn_so_that_rare_units_are_seen():
    rows = samples(*[{1: n == 0, 12: n < 5} for n in range(10)])
    weights = sample_weights(rows)
    assert sum(weights) / 10 == pytest.approx(1)
    assert weights[0] == max(weights)
    assert weights[1] == weights[4] > 0
    assert weights[9] > 0, "neutral faces too"


def test_the_table_has_a_line_for_each_unit():
    lines = table(base_rates(samples({12: True, 6: False})))
    assert len(lines) == 3
    assert "AU12 Lip corner puller" in lines[2]
