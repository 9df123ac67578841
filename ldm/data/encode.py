"""Pictures of a store encoded once: latents in a memory-mapped folder that knows what it was made of.

A folder of latents is used if it was made of the same pictures with the same first stage, resolution and crop, which a
content hash says. Anything else is encoded again. Building can be stopped at any moment and goes on where it was.
"""

import fcntl
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ldm.data.captions import pick
from ldm.data.origin import MAX_PICTURES, Origin, hash_of_store, hash_of_vae
from ldm.data.pictures import side_by_side, to_signed
from ldm.data.store import PACK, RAW, PictureStore
from ldm.files import write_json, write_text
from ldm.randomness import generator

logger = logging.getLogger(__name__)

LATENTS, PAIRS, VECTORS, ROWS, PAIR_ROWS = "latents.npy", "pairs.npy", "embeddings.npy", "rows.jsonl", "pairs.jsonl"
ABOUT, PARTIAL = "about.json", "partial.json"
BATCH = 64

Embed = Callable[[Tensor], Tensor]
"""(N, 3, S, S) pictures in [-1, 1] -> (N, D) vectors."""
Advance = Callable[[int], object]


def encode_store(
    vae: Any,
    store: PictureStore,
    folder: Path,
    num_pairs: int = 0,
    split: str = "train",
    seed: int = 23,
    max_pictures: int = MAX_PICTURES,
    num_variants: int = 2,
    embed: Embed | None = None,
    embedder: str = "",
    advance: Advance = lambda count: None,
) -> float:
    """Encode a split and ``num_pairs`` pictures of two people, where it is not done yet; returns the latents' std.

    Written are posterior means, float16, not yet scaled: latents.npy (N, V, c, h, w), pairs.npy (num_pairs, c, h, w),
    and with ``embed`` embeddings.npy (N, V, D). There are no pairs where fewer than two people have names.

    Raises:
        ValueError: the split has no picture (those that there are, are listed), or the folder holds pictures.
    """
    indices = store.indices(split)
    _require_no_pictures(folder)
    counted = max_pictures if num_pairs else MAX_PICTURES  # only pairs are drawn by it here
    origin = Origin(hash_of_vae(vae), hash_of_store(store), split, num_variants, num_pairs, seed, embedder, counted)
    with _alone(folder):
        if std := _made(folder, origin):
            return std
        images = _Images(store, indices, num_pairs, num_variants, seed, max_pictures)
        done = _begun(folder, origin)
        if done:
            logger.info("%s: %d of %d pictures are encoded already", folder, done, len(images))
            advance(done)
        arrays = _arrays(vae, embed, images, folder, fresh=done == 0)
        for start in range(done, len(images), BATCH):
            end = min(start + BATCH, len(images))
            _encode(vae, embed, images, arrays, start, end)
            for array in arrays.values():
                array.flush()
            write_json(folder / PARTIAL, {**asdict(origin), "done": end})
            advance(end - start)
        return _finish(folder, origin, store, indices, images)


class _Images:
    """All pictures that are encoded, in one row: every picture in its variants, then the pairs."""

    def __init__(
        self, store: PictureStore, indices: NDArray[np.int64], pairs: int, variants: int, seed: int, most: int
    ) -> None:
        self.store, self.indices, self.variants, self.seed = store, indices, variants, seed
        self.named = [int(i) for i in indices if "name" in store.rows[i]]
        self.pairs = draw_pairs([store.rows[i]["name"] for i in self.named], pairs, most, seed)
        self.mirrored = (torch.rand((len(self.pairs), 2), generator=generator(seed, "mirrored")) < 0.5).tolist()
        self.singles = len(indices) * variants

    def __len__(self) -> int:
        return self.singles + len(self.pairs)

    def __getitem__(self, place: int) -> Tensor:
        """(3, S, S) in [-1, 1]."""
        if place < self.singles:
            return variant(to_signed(self.store.pictures[self.indices[place // self.variants]]), place, self)
        two = place - self.singles
        halves = [to_signed(self.store.pictures[self.named[k]]) for k in self.pairs[two]]
        flips = self.mirrored[two]
        return side_by_side(*(half.flip(-1) if flip else half for half, flip in zip(halves, flips, strict=True)))

    def names(self) -> list[list[str]]:
        """Who is on each pair, from left to right."""
        return [[self.store.rows[self.named[k]]["name"] for k in two] for two in self.pairs]


def variant(image: Tensor, place: int, images: _Images) -> Tensor:
    """Variant 0 of a picture is itself, 1 its mirror image; the others are moved, turned and zoomed a little."""
    number = place % images.variants
    if number < 2:
        return image.flip(-1) if number else image
    draws = generator(images.seed, "variant", place)
    x, y, zoom, turn = ((torch.rand(4, generator=draws) * 2 - 1) * torch.tensor([0.06, 0.06, 0.08, 0.07])).tolist()
    cos, sin = float(np.cos(turn)) * (1 - abs(zoom)), float(np.sin(turn)) * (1 - abs(zoom))
    matrix = torch.tensor([[[cos, -sin, x], [sin, cos, y]]])
    moved = F.grid_sample(
        image[None], F.affine_grid(matrix, [1, *image.shape], False), padding_mode="reflection", align_corners=False
    )[0]
    return moved.flip(-1) if torch.rand((), generator=draws) < 0.5 else moved


def _arrays(vae: Any, embed: Embed | None, images: _Images, folder: Path, fresh: bool) -> dict[str, Any]:
    """The memory-mapped files, by name: new ones, or those of an interrupted building."""
    folder.mkdir(parents=True, exist_ok=True)
    if not fresh:
        return {path.name: open_memmap(path, mode="r+") for path in _parts(folder, embed is not None)}
    probe = images[0][None]
    shape = tuple(_means(vae, probe).shape[1:])
    shapes = [(len(images.indices), images.variants, *shape), (len(images.pairs), *shape)]
    if embed is not None:
        shapes.append((len(images.indices), images.variants, embed(probe).shape[1]))
    paths = _parts(folder, embed is not None)
    return {path.name: open_memmap(path, "w+", np.float16, size) for path, size in zip(paths, shapes, strict=True)}


def _parts(folder: Path, embedded: bool) -> list[Path]:
    return [folder / f"{name}.partial" for name in (LATENTS, PAIRS, *([VECTORS] if embedded else []))]


def _encode(vae: Any, embed: Embed | None, images: _Images, arrays: Mapping[str, Any], start: int, end: int) -> None:
    batch = torch.stack([images[place] for place in range(start, end)])
    means = _means(vae, batch)
    single = max(0, min(end, images.singles) - start)
    flat = arrays[f"{LATENTS}.partial"].reshape(images.singles, *means.shape[1:])
    flat[start : start + single] = means[:single]
    pairs = arrays[f"{PAIRS}.partial"]
    if single < len(means):
        pairs[max(0, start - images.singles) : end - images.singles] = means[single:]
    if embed is not None and single:
        vectors = embed(batch[:single]).float().cpu().numpy()
        arrays[f"{VECTORS}.partial"].reshape(images.singles, -1)[start : start + single] = vectors


@torch.no_grad()
def _means(vae: Any, images: Tensor) -> NDArray[np.float16]:
    images = images.to(vae.device, vae.dtype)
    with torch.autocast(vae.device.type, torch.bfloat16, enabled=vae.device.type == "cpu"):
        means = vae.encode(images).latent_dist.mean
    return np.asarray(means.float().cpu().numpy().astype(np.float16))


def _require_no_pictures(folder: Path) -> None:
    """Nothing, if the folder is no picture store: both kinds have an about.json and rows.jsonl.

    Raises:
        ValueError: it is one.
    """
    if pictures := next((name for name in (PACK, RAW) if (folder / name).exists()), None):
        raise ValueError(
            f"{folder} holds pictures ({pictures}), and latents of them would be written over what is known of each: "
            "give the latents a folder of their own (of a config: data.params.train.params.folder)"
        )


def _made(folder: Path, origin: Origin) -> float | None:
    """The std of latents that are there already; None where there are none of this origin, which is said."""
    if not (folder / ABOUT).is_file():
        return None
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    differs = origin.difference(about)
    if not differs:
        return float(about["std"])
    logger.warning("the latents in %s were made with another %s: they are encoded again", folder, differs)
    (folder / ABOUT).unlink()
    return None


def _begun(folder: Path, origin: Origin) -> int:
    """How many pictures of an interrupted building of the same origin are encoded."""
    path = folder / PARTIAL
    begun = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    whole = all(part.is_file() for part in _parts(folder, bool(origin.embedder)))
    return int(begun["done"]) if begun and whole and not origin.difference(begun) else 0


def _finish(folder: Path, origin: Origin, store: PictureStore, indices: NDArray[np.int64], images: _Images) -> float:
    for part in _parts(folder, bool(origin.embedder)):
        part.replace(part.with_suffix(""))
    latents = np.load(folder / LATENTS, mmap_mode="r")
    std = float(latents.astype(np.float32).std())
    write_text(folder / ROWS, "".join(json.dumps(store.rows[i], ensure_ascii=False) + "\n" for i in indices))
    names = "".join(json.dumps(two, ensure_ascii=False) + "\n" for two in images.names())
    write_text(folder / PAIR_ROWS, names)
    write_json(folder / ABOUT, {"std": std, **asdict(origin), "store": store.about})
    (folder / PARTIAL).unlink(missing_ok=True)
    return std


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Inside the block no other process builds here: the second of two waits, and finds it done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
