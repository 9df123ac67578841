"""Which checkpoint is the best: the score, the Pareto list, ties, and how long nothing got better."""

import pytest

from evaluation.judges import Calibration
from evaluation.ranking import Look, chosen, likeness_of, pareto, waited


def look(step: int, likeness: float, obedience: float | None = None, drift: float | None = None) -> Look:
    return Look(step, 0.0, likeness, 1.0, obedience, drift)


def test_the_score_is_likeness_times_obedience_less_drift() -> None:
    assert look(0, 0.5).score == 0.5
    assert look(0, 0.5, 0.8, 0.1).score == pytest.approx(0.3)
    assert look(0, 0.5, None, -0.2).score == 0.5, "a class that moved away is no merit"
    assert look(0, -0.2, 0.1).score == -0.2, "disobedience does not mend what is below strangers"


def test_likeness_is_between_strangers_and_real_photos() -> None:
    known = Calibration(undetected=-0.1, stranger=0.1, same=0.6, threshold=0.3, side_px=64, people=300)
    assert likeness_of(0.1, known) == 0
    assert likeness_of(0.6, known) == pytest.approx(1)
    assert likeness_of(0.35, known) == pytest.approx(0.5)


def test_the_pareto_list_has_what_nothing_beats_in_all() -> None:
    first, second, third = look(1, 0.2, 1.0, 0.0), look(2, 0.4, 0.8, 0.0), look(3, 0.4, 0.7, 0.0)
    drifting, same = look(4, 0.5, 0.6, 0.3), look(5, 0.4, 0.8, 0.0)
    assert pareto([first, second, third, drifting, same]) == [first, second, drifting, same]
    assert pareto([]) == []


def test_of_those_alike_the_latest_is_the_best() -> None:
    looks = [look(1, 0.30), look(2, 0.305), look(3, 0.299), look(4, 0.2)]
    assert chosen(looks, 0.01).step == 3
    assert chosen(looks, 0.0).step == 2
    with pytest.raises(ValueError, match="no checkpoint was looked at"):
        chosen([], 0.0)


def test_waiting() -> None:
    looks = [look(1, 0.1), look(2, 0.2), look(3, 0.205), look(4, 0.195)]
    assert [waited(looks[:n], 0.01) for n in range(5)] == [0, 0, 0, 1, 2]


def test_a_look_is_kept_as_json() -> None:
    one = Look(3, 0.2, 0.1, 0.9, 0.8, 0.05, {"ada": 0.2}, 1.5)
    assert Look.of_json(one.as_json()) == one
    assert one.as_json()["score"] == pytest.approx(0.03)
