"""Looks at a run in training, bounded: how long they took as a share of training, and whether one more may be made."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

HEADROOM = 1.1
"""A look is taken to cost so many times the dearest one so far: other work on the machine comes and goes."""


class Budget:
    """Keeps the time of looks below a share of the time of training.

    Training time is the time on the wall since training started, without the looks.

    Args:
        max_share: of training time; None is no bound.
        clock: seconds.
    """

    def __init__(self, max_share: float | None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.max_share, self._clock = max_share, clock
        self.spent_s, self.steps = 0.0, 0
        self._earlier_s = 0.0  # of training, before this process
        self._began: float | None = None
        self._spent_here = 0.0

    def start(self) -> None:
        """Training begins, or goes on."""
        self._earlier_s, self._began, self._spent_here = self.trained_s, self._clock(), 0.0

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Inside the block time is that of a look."""
        end = self.spend()
        try:
            yield
        finally:
            end()

    def spend(self) -> Callable[[], None]:
        """From now on time is that of a look, until what this gives is called."""
        began = self._clock()

        def end() -> None:
            seconds = self._clock() - began
            self.spent_s += seconds
            self._spent_here += seconds

        return end

    @property
    def trained_s(self) -> float:
        """Seconds of training so far, those before a resume too."""
        here = 0.0 if self._began is None else self._clock() - self._began - self._spent_here
        return self._earlier_s + here

    @property
    def share(self) -> float:
        """The looks' time by the training's."""
        return self.spent_s / max(self.trained_s, 1e-9)

    def allows(self, cost_s: float, steps_left: float) -> bool:
        """Whether a look of ``cost_s`` seconds keeps the bound, with room left for one after the last step.

        Args:
            cost_s: what it will take.
            steps_left: of training; infinite if nobody knows.
        """
        if self.max_share is None:
            return True
        if self.spent_s + cost_s > self.max_share * self.trained_s:
            return False
        if steps_left == 0 or steps_left == float("inf"):
            return True
        whole_s = self.trained_s * (1 + steps_left / max(1, self.steps))
        return self.spent_s + 2 * cost_s <= self.max_share * whole_s

    def state_dict(self) -> dict[str, float]:
        """What a resumed run needs to keep the bound."""
        return {"spent_s": self.spent_s, "trained_s": self.trained_s, "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Go on counting where the saved run was."""
        self.spent_s, self._earlier_s, self.steps = state["spent_s"], state["trained_s"], int(state["steps"])
