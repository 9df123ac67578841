"""Latents, encoded once: pictures of a store and pairs of them, with what their captions need."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch.utils.data import Dataset

from ldm.batch import Sample
from ldm.data.captions import attribute_caption, chance, name_caption, pair_caption, pick
from ldm.data.pictures import side_by_side, to_signed
from ldm.data.sampling import SampleKey, as_key
from ldm.data.store import PictureStore
from ldm.files import atomic_path, write_json, write_text
from ldm.randomness import generator

LATENTS, PAIRS, ROWS, PAIR_ROWS, ABOUT = "latents.npy", "pairs.npy", "rows.jsonl", "pairs.jsonl", "about.json"
MAX_PICTURES = 60
"""Nobody counts for more pictures than this: the most famous one has 500 times as many as most."""


@torch.no_grad()
def encode_store(
    vae: Any,
    store: PictureStore,
    folder: Path,
    num_pairs: int,
    split: str = "train",
    seed: int = 23,
    max_pictures: int = MAX_PICTURES,
) -> float:
    """Encode a split, every picture upright and mirrored, and ``num_pairs`` pictures of two; returns the latents' std.

    Written are posterior means, float16, not yet scaled: latents.npy (N, 2, c, h, w), pairs.npy (num_pairs, c, h, w).
    There are no pairs where fewer than two people have names.

    Raises:
        ValueError: the split has no picture; those that there are, are listed.
    """
    indices = store.select(split=split)
    if not len(indices):
        there = ", ".join(sorted({str(row.get("split")) for row in store.rows}))
        raise ValueError(f"{store.folder} has no picture in the split {split!r}; it has: {there}")
    named = [int(i) for i in indices if "name" in store.rows[i]]
    pairs = draw_pairs([store.rows[i]["name"] for i in named], num_pairs, max_pictures, seed)
    mirrored = torch.rand((len(pairs), 2), generator=generator(seed, "mirrored")) < 0.5

    def singles() -> Iterator[torch.Tensor]:
        for i in indices:
            image = to_signed(store.pictures[i])
            yield from (image, image.flip(-1))

    def doubles() -> Iterator[torch.Tensor]:
        for two, flips in zip(pairs, mirrored.tolist(), strict=True):
            halves = [to_signed(store.pictures[named[k]]) for k in two]
            yield side_by_side(*(half.flip(-1) if flip else half for half, flip in zip(halves, flips, strict=True)))

    latents = _encode(vae, singles())
    latents = latents.reshape(len(indices), 2, *latents.shape[1:])
    std = float(latents.astype(np.float32).std())
    _save(folder / LATENTS, latents)
    _save(folder / PAIRS, _encode(vae, doubles()) if pairs else latents[:0, 0])
    write_text(folder / ROWS, "".join(json.dumps(store.rows[i], ensure_ascii=False) + "\n" for i in indices))
    names = [[store.rows[named[k]]["name"] for k in two] for two in pairs]
    write_text(folder / PAIR_ROWS, "".join(json.dumps(two, ensure_ascii=False) + "\n" for two in names))
    write_json(folder / ABOUT, {"std": std, "split": split, "seed": seed, "store": store.about})
    return std


def draw_pairs(names: Sequence[str], num_pairs: int, max_pictures: int, seed: int) -> list[tuple[int, int]]:
    """Places in ``names`` (who is on each picture) of two different people, ``num_pairs`` times.

    First the people are drawn, by how many pictures they have but at most ``max_pictures``; then a picture of each.
    Empty if there are fewer than two people.
    """
    owned: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        owned.setdefault(name, []).append(place)
    if len(owned) < 2:
        return []
    people = list(owned.values())
    weights = torch.tensor([min(len(own), max_pictures) for own in people], dtype=torch.float64)
    draws = generator(seed, "pairs")
    pairs = []
    for _ in range(num_pairs):
        left, right = torch.multinomial(weights, 2, generator=draws).tolist()
        pairs.append((pick(people[left], draws), pick(people[right], draws)))
    return pairs


def _encode(vae: Any, images: Iterator[torch.Tensor], batch_size: int = 64) -> NDArray[np.float16]:
    done: list[NDArray[np.float16]] = []
    waiting: list[torch.Tensor] = []

    def flush() -> None:
        images = torch.stack(waiting).to(vae.device, vae.dtype)
        with torch.autocast(vae.device.type, torch.bfloat16, enabled=vae.device.type == "cpu"):
            means = vae.encode(images).latent_dist.mean
        done.append(means.float().cpu().numpy().astype(np.float16))
        waiting.clear()

    for image in images:
        waiting.append(image)
        if len(waiting) == batch_size:
            flush()
    if waiting:
        flush()
    return np.concatenate(done)


def _save(path: Path, array: NDArray[np.float16]) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


def _rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class CaptionedLatents(Dataset[Sample]):
    """Latents of people by name, of people by attributes and of two people, in fixed shares.

    Args:
        folder: made by :func:`encode_store`.
        pair_p: share of pictures of two people.
        attribute_p: share of pictures captioned by attributes.
        max_pictures: nobody counts for more than this many pictures.
        length: samples an epoch; every sample is drawn anew.
        seed: of all choices.

    Raises:
        ValueError: no picture has a name or attributes.
    """

    def __init__(
        self,
        folder: Path,
        pair_p: Annotated[float, Field(ge=0, le=1)] = 0.2,
        attribute_p: Annotated[float, Field(ge=0, le=1)] = 0.2,
        max_pictures: Annotated[int, Field(gt=0)] = MAX_PICTURES,
        length: Annotated[int, Field(gt=0)] = 16384,
        seed: int = 23,
    ) -> None:
        folder = Path(folder)
        self.latents = np.load(folder / LATENTS, mmap_mode="r")
        self.pairs = np.load(folder / PAIRS, mmap_mode="r")
        self.rows: list[dict[str, Any]] = _rows(folder / ROWS)
        self.pair_names: list[list[str]] = _rows(folder / PAIR_ROWS)
        self.named = np.array([i for i, row in enumerate(self.rows) if "name" in row])
        self.described = np.array([i for i, row in enumerate(self.rows) if "attributes" in row])
        if not len(self.named) + len(self.described):
            raise ValueError(f"{folder} holds no picture with a name or attributes: nothing could be said of any")
        _, inverse, counts = np.unique(
            [self.rows[i]["name"] for i in self.named], return_inverse=True, return_counts=True
        )
        weight = np.minimum(1.0, max_pictures / counts)[inverse]
        self.cumulative = torch.from_numpy(np.cumsum(weight / weight.sum()))
        self.scaling_factor = 1.0 / json.loads((folder / ABOUT).read_text(encoding="utf-8"))["std"]
        self.length, self.seed = length, seed
        self.pair_p, self.attribute_p = pair_p, attribute_p

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: SampleKey | int) -> Sample:
        """``latents`` (c, h, w), scaled, and ``caption``."""
        key = as_key(key)
        draws = generator(self.seed, "augment", key.draw)
        kind = float(torch.rand((), generator=draws))
        if kind < self.pair_p and len(self.pairs):
            i = int(torch.randint(len(self.pairs), (), generator=draws))
            left, right = self.pair_names[i]
            latents, caption = self.pairs[i], pair_caption(left, right, draws)
        else:
            i = self._picture(kind < self.pair_p + self.attribute_p, draws)
            latents = self.latents[i, int(chance(0.5, draws))]
            caption = self._caption(self.rows[i], draws)
        scaled = torch.from_numpy(np.array(latents, dtype=np.float32)) * self.scaling_factor
        return {"latents": scaled, "caption": caption}

    def _picture(self, described: bool, draws: torch.Generator) -> int:
        if len(self.described) and (described or not len(self.named)):
            return int(self.described[int(torch.randint(len(self.described), (), generator=draws))])
        at = torch.searchsorted(self.cumulative, torch.rand((), generator=draws, dtype=torch.float64))
        return int(self.named[min(int(at), len(self.named) - 1)])

    def _caption(self, row: dict[str, Any], draws: torch.Generator) -> str:
        if "name" in row:
            return name_caption(row["name"], draws)
        return attribute_caption(row["attributes"], draws)
