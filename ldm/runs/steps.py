"""The end of an optimizer step, which with accumulation is the end of every n-th batch only."""

import pytorch_lightning as pl


class StepEnd:
    """Tells a callback whether the batch that has just ended ended a step too."""

    def __init__(self) -> None:
        self._seen = 0

    def start(self, trainer: pl.Trainer) -> None:
        """Count from where the trainer is: call it when training starts."""
        self._seen = trainer.global_step

    def reached(self, trainer: pl.Trainer) -> bool:
        """Whether steps were made since this was last asked."""
        before, self._seen = self._seen, trainer.global_step
        return self._seen != before


def steps_left(trainer: pl.Trainer) -> float:
    """Optimizer steps until the run's end; infinite if nothing ends it."""
    return max(0.0, trainer.estimated_stepping_batches - trainer.global_step)
