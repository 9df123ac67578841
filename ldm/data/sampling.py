"""Which samples make up which batch: a function of the seed, the epoch and the rank, so that a run can be resumed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import Sampler

from ldm.randomness import generator

PLACE = ("epoch", "batches_done")
"""What a sampler's state says of where it is; the rest says what the order depends on."""


@dataclass(frozen=True, slots=True)
class SampleKey:
    """What a data set is asked for: ``dataset[SampleKey(index, draw)]``.

    Attributes:
        index: which sample, 0 <= index < len(dataset).
        draw: which draw of the run this is, epoch * len(dataset) + place in the epoch's order: the same for any
            number of workers and processes, and the same after a resume. A data set takes what it randomizes (crop,
            colour, caption) from ``ldm.randomness.generator(seed, "augment", draw, index)`` and from nowhere else.
    """

    index: int
    draw: int


def as_key(key: SampleKey | int) -> SampleKey:
    """``key`` as a ``SampleKey``; an integer, as in ``dataset[3]``, is that sample's draw in an unshuffled epoch 0."""
    return key if isinstance(key, SampleKey) else SampleKey(int(key), int(key))


class ResumableBatchSampler(Sampler[list[SampleKey]]):
    """Batches of keys, epoch after epoch, that start again exactly where they stopped.

    The order of an epoch is a permutation drawn from (seed, epoch). It is cut into global batches of
    ``num_replicas * batch_size``, of which each rank takes its consecutive part: two processes with batches of 4 see
    together what one with batches of 8 sees. Nothing is dropped: the last global batch may be smaller, and only where
    it cannot be shared out evenly the epoch's first samples fill it up (as further draws).

    Args:
        length: number of samples in the data set.
        batch_size: samples per batch and rank.
        shuffle: draw an order per epoch; otherwise 0, 1, 2, ...
        seed: the run's seed.
        rank: which process this is.
        num_replicas: how many processes share an epoch.
        same_every_epoch: every epoch is epoch 0, as validation wants it.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 23,
        rank: int = 0,
        num_replicas: int = 1,
        same_every_epoch: bool = False,
    ) -> None:
        if length < 1:
            raise ValueError("there are no samples to draw from: the data set is empty")
        if not 0 <= rank < num_replicas:
            raise ValueError(f"rank {rank} is not among {num_replicas} processes")
        self.length, self.batch_size, self.shuffle, self.seed = length, batch_size, shuffle, seed
        self.rank, self.num_replicas = rank, num_replicas
        self.same_every_epoch = same_every_epoch
        self.epoch = 0
        self.first_batch = 0  # where an iteration starts: 0 unless we go on in the middle of an epoch

    def __len__(self) -> int:
        """Batches of a whole epoch, whatever part of it is still to come."""
        return -(-self.length // (self.batch_size * self.num_replicas))

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of ``epoch``; when it is the epoch we are in, stay where we are (Lightning calls this)."""
        if epoch != self.epoch and not self.same_every_epoch:
            self.epoch, self.first_batch = epoch, 0

    def __iter__(self) -> Iterator[list[SampleKey]]:
        """The rest of this epoch. Where it starts and in which order is settled now, not at the first ``next``."""
        return self._batches(self.epoch, self.first_batch)

    def _batches(self, epoch: int, first: int) -> Iterator[list[SampleKey]]:
        order = self._order(epoch)
        for start in range(
            first * self.batch_size * self.num_replicas, self.length, self.batch_size * self.num_replicas
        ):
            size = min(self.batch_size, -(-(self.length - start) // self.num_replicas))
            mine = range(start + self.rank * size, start + (self.rank + 1) * size)
            yield [SampleKey(order[place % self.length], epoch * self.length + place) for place in mine]

    def _order(self, epoch: int) -> list[int]:
        if not self.shuffle:
            return list(range(self.length))
        order: list[int] = torch.randperm(self.length, generator=generator(self.seed, "order", epoch)).tolist()
        return order

    def state_dict(self, batches_done: int) -> dict[str, Any]:
        """Where we are after ``batches_done`` batches of this epoch, and what the order depends on."""
        return {"epoch": self.epoch, "batches_done": batches_done} | self._setting()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where ``state`` was taken; after an epoch's last batch this is the start of the next epoch.

        Raises:
            ValueError: the order depends on something that has changed since; every difference is listed.
        """
        setting = self._setting()
        names = [name for name in {**setting, **state} if name not in PLACE]
        if changed := [
            f"{name} was {was!r}, is {now!r}"
            for name in names
            if (was := state.get(name)) != (now := setting.get(name))
        ]:
            raise ValueError(
                f"cannot go on in the middle of an epoch, its order has changed: {'; '.join(changed)}; give the old "
                "values (and as many processes), or start a new run"
            )
        self.epoch, self.first_batch = state["epoch"], state["batches_done"]
        if self.first_batch >= len(self):
            self.epoch, self.first_batch = self.epoch + 1, 0

    def _setting(self) -> dict[str, Any]:
        names = ("length", "batch_size", "shuffle", "seed", "num_replicas")
        return {name: getattr(self, name) for name in names}
