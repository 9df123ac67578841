"""What `generate` drew: the pictures of an output folder with their prompts and seeds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ldm.faces.photos import read_photo

SETTINGS = "settings.json"


@dataclass(frozen=True)
class Sample:
    """One generated picture.

    Attributes:
        path: its file.
        prompt: what was asked for, with placeholders as words.
        seed: its own seed: the same prompt and seed of another checkpoint start from the same noise.
        people: who was asked for, as "sks=0": placeholder and person of the run.
        step: after which training step.
    """

    path: Path
    prompt: str
    seed: int
    people: tuple[str, ...] = ()
    step: int | None = None

    def open(self) -> Image.Image:
        """The picture, RGB."""
        return read_photo(self.path)


def read_samples(folder: Path) -> list[Sample]:
    """The pictures that ``folder/settings.json`` lists, in its order.

    Raises:
        FileNotFoundError: there is no settings.json, or a listed picture is gone.
        ValueError: settings.json lists no pictures.
    """
    listing = folder / SETTINGS
    if not listing.is_file():
        raise FileNotFoundError(f"{folder} holds no {SETTINGS}: it is not a folder that `python -m ldm generate` made")
    rows: list[dict[str, Any]] = json.loads(listing.read_text(encoding="utf-8")).get("samples", [])
    if not rows:
        raise ValueError(f"{listing} lists no pictures")
    samples = [
        Sample(folder / row["file"], row["prompt"], int(row["seed"]), tuple(row.get("people", ())), row.get("step"))
        for row in rows
    ]
    gone = [sample.path.name for sample in samples if not sample.path.is_file()]
    if gone:
        raise FileNotFoundError(f"{len(gone)} of {len(samples)} pictures of {listing} are gone, first {gone[0]}")
    return samples


def by_prompt(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """The samples of each prompt, prompts in the order of their first sample."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.prompt, []).append(sample)
    return groups


def paired(samples: Sequence[Sample], others: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    """Each of ``samples`` with the one of ``others`` that has the same prompt and seed.

    Raises:
        LookupError: one of them has no partner; says which.
    """
    found = {(other.prompt, other.seed): other for other in others}
    missing = [sample for sample in samples if (sample.prompt, sample.seed) not in found]
    if missing:
        first = missing[0]
        raise LookupError(
            f"{len(missing)} of {len(samples)} pictures have no partner of the same prompt and seed, "
            f"first {first.prompt!r} with seed {first.seed}"
        )
    return [(sample, found[sample.prompt, sample.seed]) for sample in samples]
