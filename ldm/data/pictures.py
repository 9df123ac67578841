"""Pictures of a store, for training a first stage."""

from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from ldm.batch import Sample
from ldm.data.sampling import SampleKey, as_key
from ldm.data.store import PictureStore
from ldm.randomness import generator


def to_signed(picture: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float().div_(127.5).sub_(1.0)


def side_by_side(left: Tensor, right: Tensor) -> Tensor:
    """One picture of two: the middle half of each, left beside right. (..., W) and (..., W) -> (..., W)"""
    width = left.shape[-1]
    middle = slice(width // 4, width // 4 + width // 2)
    return torch.cat([left[..., middle], right[..., middle]], dim=-1)


class StoredPictures(Dataset[Sample]):
    """The pictures of one split, mirrored at random, some as pairs side by side.

    Args:
        folder: a picture store (``python -m ldm prepare``).
        split: which of its splits: ``train``, ``val``, ``test``, or ``vae_train``, ... of a store split the legacy way.
        flip_p: chance that a picture is mirrored.
        pair_p: chance that a picture is joined by another one of the split.
        seed: of the choices.
    """

    def __init__(
        self,
        folder: Path,
        split: str = "train",
        flip_p: Annotated[float, Field(ge=0, le=1)] = 0.5,
        pair_p: Annotated[float, Field(ge=0, le=1)] = 0.0,
        seed: int = 23,
    ) -> None:
        self.store, self.split = PictureStore(folder), split
        self.flip_p, self.pair_p, self.seed = flip_p, pair_p, seed

    @cached_property
    def indices(self) -> NDArray[np.int64]:
        """Places of the split's pictures in the store.

        Raises:
            ValueError: it has none; those that there are, are listed.
        """
        return self.store.indices(self.split)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, key: SampleKey | int) -> Sample:
        """``image`` (3, S, S) in [-1, 1] and ``index``."""
        key = as_key(key)
        draws = generator(self.seed, "augment", key.draw, key.index)
        image = self._picture(key.index, draws)
        if torch.rand((), generator=draws) < self.pair_p:
            other = int(torch.randint(len(self), (), generator=draws))
            image = side_by_side(image, self._picture(other, draws))
        return {"image": image, "index": torch.tensor(key.index)}

    def _picture(self, index: int, draws: torch.Generator) -> Tensor:
        image = to_signed(self.store.pictures[self.indices[index]])
        return image.flip(-1) if torch.rand((), generator=draws) < self.flip_p else image
