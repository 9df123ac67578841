import numpy as np
import pytest

from ldm.data.action_units.blendshapes import (
    PYFEAT,
    TABLE,
    Threshold,
    by_labels,
    by_rate,
    by_table,
    is_calibration,
    unit_scores,
)
from ldm.data.action_units.facs import FACS
from ldm.faces.blendshapes import NAMES


def test_the_table_names_blendshapes_and_units_that_exist():
    assert {*TABLE, *PYFEAT} <= FACS.keys()
    assert {name for one in TABLE.values() for name in one.names} <= set(NAMES)


def test_a_units_score_is_the_mean_of_its_blendshapes():
    scores = unit_scores(dict.fromkeys(NAMES, 0.0) | {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.4, "jawOpen": 0.5})
    assert scores[12] == pytest.approx(0.6)
    assert scores[26] == 0.5
    assert scores[25] == pytest.approx(0.1)
    assert scores[1] == 0


def test_thresholds_by_labels_part_them_best():
    threshold = by_labels([0.1, 0.2, 0.3, 0.6, 0.7], [False, False, True, True, True])
    assert threshold.at == 0.3
    assert threshold.how == "labels"
    assert [threshold.present(score) for score in (0.29, 0.3)] == [False, True]
    with pytest.raises(ValueError, match="all labels are alike"):
        by_labels([0.1, 0.2], [True, True])


def test_thresholds_by_rate_let_a_share_through():
    scores = np.linspace(0, 0.9, 101)
    threshold = by_rate(scores, 0.2)
    assert np.mean([threshold.present(score) for score in scores]) == pytest.approx(0.2, abs=0.02)


def test_a_threshold_of_the_table_stays_and_its_full_score_is_above_it():
    assert by_table([0.1] * 99 + [0.9], 0.5) == Threshold(0.5, 0.9, "table")
    assert by_table([0.1] * 100, 0.5).full == 0.5


def test_intensities_go_from_0_to_5():
    threshold = Threshold(0.2, 0.8, "rate")
    assert [threshold.intensity(score) for score in (0, 0.4, 0.8, 0.95)] == [0, 2.5, 5, 5]
    assert Threshold(0.0, 0.0, "rate").intensity(0.0) == 0


def test_the_calibration_split_is_by_subject_and_of_its_share():
    chosen = [is_calibration(f"person {n}", 0.3) for n in range(2000)]
    assert np.mean(chosen) == pytest.approx(0.3, abs=0.04)
    assert chosen == [is_calibration(f"person {n}", 0.3) for n in range(2000)]
    assert all(is_calibration(f"person {n}", 1.0) for n in range(50))
