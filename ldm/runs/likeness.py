"""How much the people of a run look like their photos, as far as they have been learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pytorch_lightning as pl
from PIL import Image

from evaluation.identity import IdentityScores, Judge, Vector, score_vectors
from ldm.faces.photos import read_photo
from ldm.runs.draw import DrawSettings
from ldm.runs.draw_vectors import draw_vectors
from ldm.runs.load import manager_of, people_vectors
from ldm.runs.pictures import grid


class HasPath(Protocol):
    """What is listed of a photo."""

    @property
    def path(self) -> Path:
        """The aligned picture."""


@runtime_checkable
class KnowsPhotos(Protocol):
    """A training data set that can say whose photos it shows, like ``FaceIdDatasetOneShot``."""

    people: Sequence[str]
    records: Sequence[HasPath]
    owner: Sequence[int]


def photos_of(trainer: pl.Trainer) -> dict[str, list[Path]]:
    """The training photos of each person, people in the order in which the run counts them; empty if not known."""
    datasets = getattr(trainer.datamodule, "datasets", {})  # type: ignore[attr-defined]
    data = datasets.get("train")
    if not isinstance(data, KnowsPhotos):
        return {}
    photos: dict[str, list[Path]] = {person: [] for person in data.people}
    for record, owner in zip(data.records, data.owner, strict=True):
        photos[data.people[owner]].append(record.path)
    return photos


@dataclass(frozen=True)
class Reference:
    """Whom pictures are compared with.

    Attributes:
        name: of the person.
        photo: one of the photos, to be shown.
        vector: (F,) the mean of the photos' unit vectors: its product with a face is the mean cosine to the photos.
    """

    name: str
    photo: Path
    vector: Vector


def references_of(judge: Judge, photos: Mapping[str, Sequence[Path]]) -> list[Reference]:
    """What the judge sees in each person's photos; a photo in which it sees no face is left out.

    Raises:
        ValueError: it sees no face in any photo of a person.
    """
    found = []
    for name, paths in photos.items():
        seen = [(path, vector) for path in paths if (vector := judge.vector(read_photo(path))) is not None]
        if not seen:
            raise ValueError(
                f"lightning.callbacks.identity: judge {judge.name} finds no face in the training photos of {name} "
                f"({', '.join(path.name for path in paths[:3])}): align them with --mode ffhq, or set disabled: true"
            )
        found.append(Reference(name, seen[0][0], np.mean([vector for _, vector in seen], axis=0, dtype=np.float32)))
    return found


@dataclass(frozen=True)
class Likeness:
    """What was drawn of one person, and how much it looks like them.

    Attributes:
        reference: who.
        prompts: what was asked for, picture by picture.
        pictures: what came out.
        scores: of the pictures, to the reference.
    """

    reference: Reference
    prompts: list[str]
    pictures: list[Image.Image]
    scores: IdentityScores


def portray(
    pipeline: Any,
    judge: Judge,
    references: Sequence[Reference],
    undetected: float,
    prompts: Sequence[str],
    settings: DrawSettings,
) -> list[Likeness]:
    """Draw and score each person that the pipeline's model has learned so far.

    Picture i of a person has prompt i of ``prompts`` (beginning again after the last) and seed ``settings.seed + i``.

    Args:
        pipeline: a ``PersonPipeline``.
        judge: who looks.
        references: of the people, by their place in the run.
        undetected: what a picture without a face counts as.
        prompts: with the first placeholder in them.
        settings: how to draw; ``num_samples`` pictures a person.
    """
    learned = [person for person in manager_of(pipeline.model).memory.trained() if person < len(references)]
    asked = [prompts[i % len(prompts)] for i in range(settings.num_samples)]
    seeds = [settings.seed + i for i in range(settings.num_samples)]
    found = []
    for person in learned:
        vectors = people_vectors(pipeline.model, [person]).expand(len(asked), -1, -1)  # (N, E, D)
        pictures = draw_vectors(pipeline, asked, vectors, seeds, settings)
        scores = score_vectors(references[person].vector, judge.vectors(pictures), undetected)
        found.append(Likeness(references[person], asked, pictures, scores))
    return found


def likeness_sheet(found: Sequence[Likeness]) -> Image.Image:
    """A row for each person: the photo, then what was drawn."""
    size = found[0].pictures[0].size
    rows = [[read_photo(one.reference.photo).resize(size, Image.Resampling.LANCZOS), *one.pictures] for one in found]
    return grid([picture for row in rows for picture in row], columns=len(rows[0]))
