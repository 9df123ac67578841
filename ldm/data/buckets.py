"""Pictures of several shapes: which sizes there are, which one suits a picture, and batches of one size each."""

import math
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ldm.data.sampling import ResumableBatchSampler, SampleKey
from ldm.randomness import generator

Size = tuple[int, int]
"""Height and width in pixels."""


def require_size(height: int, width: int, multiple: int) -> Size:
    """(height, width), if the model can draw it.

    Raises:
        ValueError: a side is no multiple of ``multiple``, what the first stage and the UNet shrink by together.
    """
    for name, side in (("height", height), ("width", width)):
        if side < multiple or side % multiple:
            near = max(multiple, round(side / multiple) * multiple)
            raise ValueError(f"{name} is {side}, but this model draws multiples of {multiple}: take {near}")
    return height, width


def bucket_sizes(height: int, width: int, multiple: int, most: float = 2.0) -> list[Size]:
    """Sizes of at most ``height`` x ``width`` pixels in all, from upright to broad.

    For every height the broadest picture that still fits the area, as in NovelAI's aspect ratio bucketing.

    Args:
        height: in pixels.
        width: in pixels.
        multiple: every side is one of it.
        most: no picture is longer than ``most`` times its other side.
    """
    area = height * width
    sizes = {require_size(height, width, multiple)}
    for side in range(multiple, int(math.sqrt(area * most)) + 1, multiple):
        other = area // side // multiple * multiple
        if other and max(side, other) <= most * min(side, other):
            sizes.add((side, other))
    best: dict[Size, int] = {}
    for size in sizes:  # of sizes with one ratio, the largest
        ratio = (size[0] // math.gcd(*size), size[1] // math.gcd(*size))
        best[ratio] = max(best.get(ratio, 0), size[0])
    return sorted(size for size in sizes if best[size[0] // math.gcd(*size), size[1] // math.gcd(*size)] == size[0])


def nearest_size(height: int, width: int, sizes: Sequence[Size]) -> int:
    """Which of ``sizes`` loses least of a picture of height x width, by the logarithm of its aspect ratio."""
    wanted = math.log(width / height)
    return min(range(len(sizes)), key=lambda i: (abs(math.log(sizes[i][1] / sizes[i][0]) - wanted), i))


class BucketBatchSampler(ResumableBatchSampler):
    """Batches whose samples are all of one group, in an order that can be resumed as exactly as any.

    The samples of an epoch are shuffled, dealt to their groups, cut into global batches there, and these are shuffled.
    Where a group's last global batch cannot be shared out evenly, samples of the same group fill it up.

    Args:
        groups: the group of every sample.
        batch_size: samples per batch and rank.
        shuffle: draw an order per epoch; otherwise group by group.
        seed: the run's seed.
        rank: which process this is.
        num_replicas: how many processes share an epoch.
        same_every_epoch: every epoch is epoch 0, as validation wants it.
    """

    def __init__(
        self,
        groups: Sequence[int],
        batch_size: int,
        shuffle: bool = True,
        seed: int = 23,
        rank: int = 0,
        num_replicas: int = 1,
        same_every_epoch: bool = False,
    ) -> None:
        super().__init__(len(groups), batch_size, shuffle, seed, rank, num_replicas, same_every_epoch)
        self.groups = list(groups)

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        whole = self.batch_size * self.num_replicas
        counts = torch.bincount(torch.tensor(self.groups)).tolist()
        return sum(-(-count // whole) for count in counts)

    def _setting(self) -> dict[str, Any]:
        """What the order depends on; of the groups, which may be many, a check sum."""
        return super()._setting() | {"groups": zlib.crc32(repr(self.groups).encode())}

    def _batches(self, epoch: int, first: int) -> Iterator[list[SampleKey]]:
        draw = epoch * len(self) * self.batch_size * self.num_replicas
        for number, batch in enumerate(self._global_batches(epoch)):
            size = len(batch) // self.num_replicas
            if number >= first:
                mine = range(self.rank * size, (self.rank + 1) * size)
                yield [SampleKey(batch[place], draw + place) for place in mine]
            draw += len(batch)

    def _global_batches(self, epoch: int) -> list[list[int]]:
        """An epoch's batches over all processes, in their order."""
        members: dict[int, list[int]] = {}
        for index in self._order(epoch):
            members.setdefault(self.groups[index], []).append(index)
        whole, batches = self.batch_size * self.num_replicas, []
        for own in members.values():
            for start in range(0, len(own), whole):
                batch = own[start : start + whole]
                size = -(-len(batch) // self.num_replicas) * self.num_replicas
                batches.append([*batch, *(own[place % len(own)] for place in range(size - len(batch)))])
        if self.shuffle:
            order = torch.randperm(len(batches), generator=generator(self.seed, "batches", epoch)).tolist()
            batches = [batches[i] for i in order]
        return batches
