"""Several data sets of photos as one: several people or things learned in one run."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Any

from pydantic import Field
from torch.utils.data import Dataset

from ldm.batch import Sample
from ldm.config import Injected
from ldm.data.instances import InstancePictures, collate_pictures
from ldm.data.sampling import SampleKey, as_key
from ldm.data.training_photos import PhotoTools
from ldm.util import instantiate_from_config


class SeveralPictures(Dataset[list[Sample]]):
    """The samples of several :class:`InstancePictures`, one after the other; batches mix them.

    Args:
        parts: a node of each; all with buckets or all with one size, and all with ``num_variants`` 0 or none.
        tools: see :class:`InstancePictures`.
        seed: of all choices, where a part has none of its own.

    Raises:
        ValueError: pictures of the parts cannot share a batch.
    """

    def __init__(
        self,
        parts: Annotated[Sequence[Mapping[str, Any]], Field(min_length=1)],
        tools: Injected[PhotoTools],
        seed: int = 23,
    ) -> None:
        known = {"tools": tools, "seed": seed}
        self.parts: list[InstancePictures] = []
        for part in parts:
            missing = {name: value for name, value in known.items() if name not in (part.get("params") or {})}
            self.parts.append(instantiate_from_config(part, **missing))
        self.starts = [0, *accumulate(len(part) for part in self.parts)]
        if len({part.views.encoded for part in self.parts}) > 1:
            raise ValueError("some parts have num_variants: 0 and some have not: set it alike, they share batches")
        if len(sizes := {tuple(part.sizes) for part in self.parts}) > 1:
            raise ValueError(f"the parts differ in the sizes of their pictures, but share batches: {sorted(sizes)}")
        if len(self.parts[0].sizes) > 1:
            self.groups = [group for part in self.parts for group in part.groups]

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, key: SampleKey | int) -> list[Sample]:
        """What the part gives that the sample belongs to."""
        key = as_key(key)
        part = next(i for i in range(len(self.parts)) if key.index < self.starts[i + 1])
        return self.parts[part][SampleKey(key.index - self.starts[part], key.draw)]

    def collate(self, samples: Sequence[Sequence[Sample]]) -> dict[str, Any]:
        """One batch: all photos, then all class pictures."""
        return collate_pictures(samples)

    def about(self) -> dict[str, Any]:
        """What takes part, over all parts."""
        each = [part.about() for part in self.parts]
        whole: dict[str, Any] = {}
        for one in each:
            for key, value in one.items():
                if isinstance(value, int):
                    whole[key] = whole.get(key, 0) + value
                elif isinstance(value, list):
                    whole[key] = [*whole.get(key, []), *value]
                elif isinstance(value, dict):
                    before = whole.get(key, {})
                    whole[key] = before | {name: count + before.get(name, 0) for name, count in value.items()}
                else:
                    whole[key] = value
        return whole
