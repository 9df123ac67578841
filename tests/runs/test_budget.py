"""The bound on looks: counted in the training's own time, with room for the last one."""

import pytest

from ldm.runs.budget import Budget


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def started(max_share: float | None = 0.1) -> tuple[Budget, Clock]:
    clock = Clock()
    budget = Budget(max_share, clock)
    budget.start()
    return budget, clock


def test_looks_do_not_count_as_training() -> None:
    budget, clock = started()
    clock.now = 10.0
    with budget.spending():
        clock.now = 11.0
    clock.now = 21.0
    assert (budget.spent_s, budget.trained_s, budget.share) == (1.0, 20.0, pytest.approx(0.05))


def test_a_look_is_allowed_when_it_fits_and_room_is_left_for_the_last() -> None:
    budget, clock = started()
    clock.now, budget.steps = 10.0, 10
    assert budget.allows(1.0, steps_left=10)
    assert not budget.allows(1.1, steps_left=1000), "it does not fit yet"
    assert not budget.allows(1.0, steps_left=5), "the whole run will have 1.5 s for looks: the last takes 1 of them"
    assert budget.allows(1.0, steps_left=0), "this is the last"
    assert budget.allows(1.0, steps_left=float("inf"))


def test_no_bound() -> None:
    assert started(None)[0].allows(1e9, 10)


def test_a_resumed_run_goes_on_counting() -> None:
    budget, clock = started()
    clock.now, budget.steps = 30.0, 3
    with budget.spending():
        clock.now = 32.0
    clock.now = 40.0
    again = Budget(0.1, clock)
    again.load_state_dict(budget.state_dict())
    clock.now = 1000.0
    again.start()
    clock.now = 1010.0
    assert (again.spent_s, again.trained_s, again.steps) == (2.0, 48.0, 3)
