"""Pictures with the action units of their faces as a vector, as `python -m ldm prepare au` leaves them."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from ldm.bars import bar
from ldm.batch import Sample
from ldm.config import Injected
from ldm.data.balance import cumulative, drawn_by
from ldm.data.captions import chance
from ldm.data.control_images import AT_ONCE, middle
from ldm.data.pictures import to_signed
from ldm.data.sampling import SampleKey, as_key
from ldm.data.training_photos import PhotoTools
from ldm.randomness import generator

TABLE, LABELS = "action_units.npz", "labels.csv"
NAMED = 0.75
"""Chance that a photo of somebody with a name is called by it."""
PRESENT = 3.0
"""The intensity of a unit that is known to be there, but not how strong: "marked", the middle of FACS's five."""


class AuPictures(Dataset[Sample]):
    """The middle of each photo, upright and mirrored, encoded once; what its face does is a vector.

    Args:
        folder: made by `python -m ldm prepare au`.
        tools: the model's picture size and latents, and what reads photos.
        units: the action units of the vector; those that the folder does not know are unknown everywhere.
        word: what stands for them in a prompt.
        instance_prompt: what is said of every photo; the word is put behind it.
        au_dropout: chance that nothing is told of a face: what guidance by action units is measured against.
        unit_dropout: chance that one unit is not told, so that any of them can be asked for alone.
        balance: draw photos by the weights in the folder's labels.csv, so that rare units are seen about as often as
            frequent ones.
        names: CSV with ``subject`` and ``name``, of people whom the model knows: three times of four a photo of such a
            person is "a photo of NAME", so that who somebody is and what their face does are learned to go together.
        seed: of all choices.

    Raises:
        FileNotFoundError: the folder was not prepared.
        ValueError: it knows none of the units, or has no weight of a photo; or ``names`` is no such table.
    """

    def __init__(
        self,
        folder: Path,
        tools: Injected[PhotoTools],
        units: Sequence[int],
        word: str,
        instance_prompt: str = "a photo of a face",
        au_dropout: Annotated[float, Field(ge=0, le=1)] = 0.1,
        unit_dropout: Annotated[float, Field(ge=0, le=1)] = 0.2,
        balance: bool = False,
        names: Path | None = None,
        seed: int = 23,
    ) -> None:
        folder = Path(folder)
        if not (folder / TABLE).is_file():
            raise FileNotFoundError(f"{folder} holds no {TABLE}: make it with `python -m ldm prepare au`")
        with np.load(folder / TABLE) as table:
            listed = [Path(str(path)) for path in table["paths"]]
            paths = [folder / path for path in listed]
            self.intensities = torch.from_numpy(intensities_of(table, units))  # (N, U), NaN where unknown
        if self.intensities.isnan().all():
            raise ValueError(f"{folder} knows nothing of the units {', '.join(map(str, units))}")
        self.word, self.caption = word, f"{instance_prompt} {word}"
        called = {} if names is None else read_names_of(Path(names))
        self.names = [called.get(path.parts[0]) for path in listed]
        self.seed, self.au_dropout, self.unit_dropout = seed, au_dropout, unit_dropout
        self.weights = cumulative(folder / LABELS, paths) if balance else None  # (N,)
        encoded: list[Tensor] = []
        with bar("encode", len(paths), brief=True) as advance:
            for start in range(0, len(paths), AT_ONCE):
                images = [self._image(tools, path) for path in paths[start : start + AT_ONCE]]
                both = torch.stack([one for image in images for one in (image, image.flip(-1))])
                encoded.append(tools.encode_pictures(both).cpu())
                advance(len(images))
        self.latents = rearrange(torch.cat(encoded), "(n two) c h w -> n two c h w", two=2)

    @staticmethod
    def _image(tools: PhotoTools, path: Path) -> Tensor:
        size = tools.sample_size_px
        return to_signed(np.array(middle(tools.read_photo(path), (size, size))))

    def __len__(self) -> int:
        return len(self.latents)

    def __getitem__(self, key: SampleKey | int) -> Sample:
        """``latents`` (c, h, w), ``action_units`` (U,) with NaN where nothing is told, and ``caption``."""
        key = as_key(key)
        draws = generator(self.seed, "augment", key.draw, key.index)
        mirrored, silent = chance(0.5, draws), chance(self.au_dropout, draws)
        number = key.index if self.weights is None else drawn_by(self.weights, self.seed, key.draw)
        told = self.intensities[number].clone()
        told[torch.rand(len(told), generator=draws) < (1.0 if silent else self.unit_dropout)] = torch.nan
        name = self.names[number]
        caption = f"a photo of {name} {self.word}" if name and chance(NAMED, draws) else self.caption
        return {"latents": self.latents[number, int(mirrored)], "action_units": told, "caption": caption}


def read_names_of(table: Path) -> dict[str, str]:
    """By subject, what they are called in prompts.

    Raises:
        ValueError: the table lacks a column.
    """
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if lacks := sorted({"subject", "name"} - set(rows.fieldnames or ())):
            raise ValueError(f"{table} lacks the column {', '.join(lacks)}: it says what each subject is called")
        return {row["subject"]: row["name"] for row in rows if row["name"]}


def intensities_of(table: "np.lib.npyio.NpzFile", units: Sequence[int]) -> NDArray[np.float32]:
    """(N, U) intensities 0 to 5 of ``units``; a unit that is only known to be there is 3, one that is not there 0."""
    known, number = [int(unit) for unit in table["units"]], len(table["paths"])
    found = np.full((number, len(units)), np.nan, np.float32)
    for place, unit in enumerate(units):
        if unit in known:
            column = known.index(unit)
            graded, there = table["intensity"][:, column], table["occurrence"][:, column]
            found[:, place] = np.where(np.isnan(graded), there * PRESENT, graded)
    return found
