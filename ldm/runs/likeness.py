"""Whom a run learns from which photos, by which words they are drawn, and how much pictures look like them."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import pytorch_lightning as pl
from PIL import Image

from evaluation.identity import IdentityScores, Judge, Vector, score_vectors
from evaluation.pairs import assigned_cosines
from ldm.faces.photos import PhotoError, read_photo
from ldm.runs.draw import DrawSettings
from ldm.runs.draw_vectors import draw_vectors
from ldm.runs.load import knows_people, manager_of, people_vectors
from ldm.runs.pictures import grid

logger = logging.getLogger(__name__)

MAX_PHOTOS = 16
"""Of a person, by which a judge knows them; of more, so many are taken evenly."""

NOUNS = "(?:young |old )?(?:person|man|woman|child|girl|boy|face)"
"""What follows a person's word in DreamBooth's prompts: 'a photo of sks person'."""

T = TypeVar("T")


class HasPath(Protocol):
    """What is listed of a photo."""

    @property
    def path(self) -> Path:
        """The picture."""


class HasPathAndPrompt(HasPath, Protocol):
    """What is listed of a photo that has a prompt."""

    @property
    def prompt(self) -> Any:
        """Its ``ldm.data.prompts.Prompt``."""


@runtime_checkable
class KnowsPhotos(Protocol):
    """A training data set that can say whose photos it shows, like ``FaceIdDatasetOneShot``."""

    people: Sequence[str]
    records: Sequence[HasPath]
    owner: Sequence[int]


@runtime_checkable
class ShowsOne(Protocol):
    """A training data set of somebody who has a word, like ``InstancePictures``; without a word it shows nobody."""

    token: str | None
    photos: Sequence[HasPathAndPrompt]


@runtime_checkable
class ShowsSeveral(Protocol):
    """Several of them, like ``SeveralPictures``."""

    parts: Sequence[ShowsOne]


def photos_of(trainer: pl.Trainer) -> dict[str, list[Path]]:
    """The training photos of each person, people in the order in which the run counts them; empty if not known."""
    data = _trained_on(trainer)
    if isinstance(data, KnowsPhotos):
        photos: dict[str, list[Path]] = {person: [] for person in data.people}
        for record, owner in zip(data.records, data.owner, strict=True):
            photos[data.people[owner]].append(record.path)
        return photos
    return {str(part.token): [photo.path for photo in part.photos] for part in _named(data)}


def words_of(trainer: pl.Trainer) -> dict[str, str]:
    """What stands in prompts for each person who has a word of their own."""
    named = _named(_trained_on(trainer))
    return {str(part.token): called(str(part.token), part.photos[0].prompt.text) for part in named}


def _trained_on(trainer: pl.Trainer) -> object:
    return getattr(trainer.datamodule, "datasets", {}).get("train")  # type: ignore[attr-defined]


def _named(data: object) -> list[ShowsOne]:
    """The parts of a data set that show somebody who has a word."""
    parts = data.parts if isinstance(data, ShowsSeveral) else [data]
    return [part for part in parts if isinstance(part, ShowsOne) and part.token]


def called(token: str, instance_prompt: str | None) -> str:
    """What stands for a person in prompts: the word, with the noun that followed it in training.

    >>> called("sks", "a photo of {name} person")
    'sks person'
    """
    word = rf"(?:\{{name\}}|\[name\]|\[trigger\]|(?<!\w){re.escape(token)})"
    noun = re.search(rf"{word}\s+({NOUNS})\b", instance_prompt or "")
    return f"{token} {noun[1]}" if noun else token


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
    """What the judge sees in each person's photos; one in which it sees no face, or that is unreadable, is left out.

    Raises:
        ValueError: it sees no face in any photo of a person.
    """
    found = []
    for name, paths in photos.items():
        some = evenly(paths, MAX_PHOTOS)
        seen = [(path, vector) for path in some if (vector := _face_in(judge, path)) is not None]
        if not seen:
            raise ValueError(
                f"judge {judge.name} finds no face in the training photos of {name} "
                f"({', '.join(path.name for path in paths[:3]) or 'there are none'}): align them with --mode ffhq"
            )
        found.append(Reference(name, seen[0][0], np.mean([vector for _, vector in seen], axis=0, dtype=np.float32)))
    return found


def evenly(listed: Sequence[T], most: int) -> list[T]:
    """At most so many of what is ``listed``, taken evenly."""
    places = np.linspace(0, len(listed) - 1, min(most, len(listed))).round().astype(int)
    return [listed[place] for place in places]


def _face_in(judge: Judge, photo: Path) -> Vector | None:
    try:
        return judge.vector(read_photo(photo))
    except PhotoError:
        return None


class KnownFaces:
    """The people of a run as a judge knows them by their training photos, each looked at when first asked for.

    Args:
        judge: who looks.
        photos: of each person.
    """

    def __init__(self, judge: Judge, photos: Mapping[str, Sequence[Path]]) -> None:
        self.judge, self.photos = judge, photos
        self._vectors: dict[str, Vector | None] = {}

    def cosines(self, picture: Image.Image, names: Sequence[str]) -> list[float | None]:
        """How near each of ``names`` is to the face in ``picture`` that suits them best, no face for two of them.

        As many faces count as there are names, the largest. None without a face, or where the photos show none.
        """
        known = {name: vector for name in names if (vector := self._vector(name)) is not None}
        faces = self.judge.faces(picture)[: len(names)] if known else []
        found = dict(zip(known, assigned_cosines(faces, list(known.values()), np.nan).tolist(), strict=True))
        return [None if np.isnan(cosine := found.get(name, np.nan)) else cosine for name in names]

    def _vector(self, name: str) -> Vector | None:
        if name not in self._vectors:
            try:
                [reference] = references_of(self.judge, {name: self.photos[name]})
                self._vectors[name] = reference.vector
            except ValueError as error:
                logger.warning("pictures of %s are not scored: %s", name, error)
                self._vectors[name] = None
        return self._vectors[name]


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
    prompts: Mapping[str, Sequence[str]],
    settings: DrawSettings,
) -> list[Likeness]:
    """Draw and score each person that the pipeline's model has learned so far.

    Picture i of a person has prompt i of theirs (beginning again after the last) and seed ``settings.seed + i``.

    Args:
        pipeline: a ``PersonPipeline``.
        judge: who looks.
        references: of the people, by their place in the run.
        undetected: what a picture without a face counts as.
        prompts: by the person's name; on the celeb basis with the first placeholder in them, whoever it is.
        settings: how to draw; ``num_samples`` pictures a person.
    """
    by_number = knows_people(pipeline.model)
    learned = list(manager_of(pipeline.model).memory.trained()) if by_number else range(len(references))
    seeds = [settings.seed + i for i in range(settings.num_samples)]
    found = []
    for person in learned:
        if person >= len(references) or references[person].name not in prompts:
            continue
        own = prompts[references[person].name]
        asked = [own[i % len(own)] for i in range(settings.num_samples)]
        vectors = people_vectors(pipeline.model, [person]).expand(len(asked), -1, -1) if by_number else None
        pictures = draw_vectors(pipeline, asked, vectors, seeds, settings)
        scores = score_vectors(references[person].vector, judge.vectors(pictures), undetected)
        found.append(Likeness(references[person], asked, pictures, scores))
    return found


def likeness_sheet(found: Sequence[Likeness]) -> Image.Image:
    """A row for each person: the photo, then what was drawn."""
    size = found[0].pictures[0].size
    rows = [[read_photo(one.reference.photo).resize(size, Image.Resampling.LANCZOS), *one.pictures] for one in found]
    return grid([picture for row in rows for picture in row], columns=len(rows[0]))
