"""People to learn: aligned faces, who is on them, and captions with placeholders instead of names."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from ldm.batch import Sample
from ldm.config import Injected
from ldm.data.augment import NATURAL, PUBLISHED, augment, face_weight, on_black
from ldm.data.captions import name_caption, pair_caption, pick
from ldm.data.choice import choose_people, require_room
from ldm.data.manifest import Record, group_people, read_people
from ldm.data.pictures import side_by_side, to_signed
from ldm.data.sampling import SampleKey, as_key
from ldm.data.sharing import share_out
from ldm.data.templates import TEMPLATES, caption
from ldm.randomness import generator

logger = logging.getLogger(__name__)

# Eyes, nose and mouth corners of an FFHQ crop, as shares of its side: for faces listed without points.
FFHQ_POINTS = ((0.377, 0.469), (0.623, 0.469), (0.501, 0.613), (0.393, 0.725), (0.611, 0.725))


class ModelView(Protocol):
    """What a data set asks of the model that it is made for."""

    @property
    def sample_size_px(self) -> int:
        """Side of a training picture."""

    @property
    def max_people(self) -> int | None:
        """How many people it can learn; None for any number."""

    @property
    def face_encoder_name(self) -> str:
        """The network whose vectors the personalization takes."""

    def describe_faces(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(N, F) unit face vectors of aligned pictures."""

    def encode_pictures(self, images: Tensor) -> Tensor:
        """(N, c, h, w) scaled latents of (N, 3, S, S) in [-1, 1]."""


class FaceIdDatasetOneShot(Dataset[Sample]):
    """A few aligned photos of each person, varied; the caption says ``sks`` and the batch says who that is.

    Args:
        pickle_path: manifest (.jsonl) of `00_align_face.sh`, or the older pickle.
        model: picture size, face vectors and latents.
        placeholder_strings: the first stands for the person of a picture, the second for the other one of a pair.
        num_ids: how many people; null takes all.
        specific_ids: which people, by place in the list ("2-5" is 2, 3, 4); null takes the first ``num_ids``.
        split: ``train``, or ``val`` for unvaried pictures.
        repeats: how often each photo counts in an epoch.
        background: ``natural``: the photo's own; ``black``: the face at 10 to 100 % of its size somewhere on black.
        augmentation: ``natural``: place, light and colour varied as photos vary; ``published``: colour, a little.
        captions: ``name``: "a photo of sks"; ``face``: "a photo of the face of sks person" and the like.
        num_variants: pictures made of each photo once and encoded; 0 makes and encodes a new one each time.
        pair_p: share of pictures with two of the people side by side.
        background_weight: weight of the loss away from the face.
        seed: of all choices.
    """

    def __init__(
        self,
        pickle_path: Path,
        model: Injected[ModelView],
        placeholder_strings: Sequence[str] = ("sks", "ks"),
        num_ids: Annotated[int, Field(gt=0)] | None = None,
        specific_ids: list[int] | str | None = None,
        split: Literal["train", "val"] = "train",
        repeats: Annotated[int, Field(gt=0)] = 100,
        background: Literal["natural", "black"] = "natural",
        augmentation: Literal["natural", "published"] = "natural",
        captions: Literal["name", "face"] = "name",
        num_variants: Annotated[int, Field(ge=0)] = 64,
        pair_p: Annotated[float, Field(ge=0, le=1)] = 0.25,
        background_weight: Annotated[float, Field(ge=0, le=1)] = 0.3,
        seed: int = 23,
    ) -> None:
        people = group_people(read_people(Path(pickle_path)))
        chosen = choose_people(list(people), num_ids, specific_ids)
        require_room(chosen, model.max_people)
        self.people = chosen
        self.records = [record for person in chosen for record in people[person]]
        self.owner = [i for i, person in enumerate(chosen) for _ in people[person]]
        self.size, self.seed = model.sample_size_px, seed
        self.background, self.captions = background, captions
        self.jitter = NATURAL if augmentation == "natural" else PUBLISHED
        self.placeholders, self.repeats = list(placeholder_strings), repeats
        self.pair_p = pair_p if len(chosen) > 1 else 0.0
        self.pictures = [_open(record.path, self.size) for record in self.records]
        self.weights = [self._weight(record, background_weight) for record in self.records]
        self.vectors = torch.from_numpy(self._face_vectors(model))
        self.num_variants = num_variants if split == "train" else 0
        self.varied = split == "train"
        if len(self.placeholders) < (needed := 2 if self.pair_p else 1):
            given = ", ".join(map(repr, self.placeholders)) or "none"
            raise ValueError(
                f"{needed} placeholder_strings are needed, given: {given}. Pictures of two people take two; without "
                "them (data.params.train.params.pair_p=0) one is enough"
            )
        if self.num_variants:
            self._encode_variants(model)

    def __len__(self) -> int:
        return len(self.records) * self.repeats

    def __getitem__(self, key: SampleKey | int) -> Sample:
        """``caption``, ``faces`` (P, F), ``ids`` (P,), ``latents`` or ``image``, and ``loss_weight`` of its size."""
        key = as_key(key)
        draws = generator(self.seed, "augment", key.draw, key.index)
        first = key.index % len(self.records)
        pair = bool(torch.rand((), generator=draws) < self.pair_p)
        if self.num_variants:
            variant = pick(self._variants[first, pair], draws)
        else:
            variant = self._vary(first, pair, draws)
        places = 2 if self.pair_p else 1
        ids = torch.full((places,), -1, dtype=torch.int64)
        faces = torch.zeros(places, self.vectors.shape[1])
        for place, photo in enumerate(variant.photos):
            ids[place], faces[place] = self.owner[photo], self.vectors[photo]
        sample: Sample = {"caption": self._caption(len(variant.photos), draws), "ids": ids, "faces": faces}
        sample["loss_weight"] = variant.weight
        sample["latents" if self.num_variants else "image"] = variant.picture
        return sample

    def _caption(self, num_people: int, draws: torch.Generator) -> str:
        if num_people == 2:
            return pair_caption(self.placeholders[0], self.placeholders[1], draws)
        if self.captions == "face":
            return caption(pick(TEMPLATES, draws), f"face of {self.placeholders[0]} person")
        return name_caption(self.placeholders[0], draws)

    def _vary(self, first: int, pair: bool, draws: torch.Generator) -> "Variant":
        """A varied picture of photo ``first``, beside another person's photo if ``pair``."""
        photos = [first]
        if pair:
            photos.append(pick([i for i, owner in enumerate(self.owner) if owner != self.owner[first]], draws))
            if torch.rand((), generator=draws) < 0.5:
                photos.reverse()
        views = [self._view(photo, draws) for photo in photos]
        image, weight = views[0] if not pair else [side_by_side(a, b) for a, b in zip(*views, strict=True)]
        return Variant(tuple(photos), image, weight / weight.mean())

    def _view(self, photo: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """A varied photo (3, S, S) and its loss weight (1, S, S)."""
        image, weight = self.pictures[photo], self.weights[photo]
        if not self.varied:
            return image, weight
        image, weight = augment(image, self.jitter, draws, weight)
        return on_black(image, weight, draws) if self.background == "black" else (image, weight)

    def _encode_variants(self, model: ModelView) -> None:
        """Latents of ``num_variants`` pictures of each photo, and of as many of it beside another person's."""
        kinds = (False, True) if self.pair_p else (False,)
        jobs = [(first, pair) for first in range(len(self.records)) for pair in kinds]
        self._variants = share_out(jobs, lambda job: self._variants_of(model, *job))
        logger.info("made and encoded %d variants of each of %d photos", self.num_variants, len(self.records))

    def _variants_of(self, model: ModelView, first: int, pair: bool) -> "list[Variant]":
        places = [generator(self.seed, "variant", first, int(pair), n) for n in range(self.num_variants)]
        made = [self._vary(first, pair, draws) for draws in places]
        images = torch.stack([variant.picture for variant in made])
        latents = torch.cat([model.encode_pictures(part) for part in torch.split(images, 32)]).cpu()
        weights = F.interpolate(torch.stack([v.weight for v in made]), size=latents.shape[-2:], mode="area")
        return [
            Variant(variant.photos, code, weight) for variant, code, weight in zip(made, latents, weights, strict=True)
        ]

    def _weight(self, record: Record, background: float) -> Tensor:
        """(1, S, S) loss weight of an aligned picture."""
        if record.crop_points and record.size:
            points = torch.tensor(record.crop_points) * (self.size / record.size)
        else:
            points = torch.tensor(FFHQ_POINTS) * self.size
        return face_weight(points, self.size, background)

    def _face_vectors(self, model: ModelView) -> NDArray[np.float32]:
        """(N, F): those of the manifest where the model's own network made them all, otherwise made now."""
        listed = [record.vector for record in self.records if record.encoder == model.face_encoder_name]
        vectors = [vector for vector in listed if vector is not None]
        if len(vectors) == len(self.records):
            return np.stack(vectors).astype(np.float32)
        return np.concatenate([_described(model, record.path) for record in self.records])


class FaceIdDatasetStyleGAN3(FaceIdDatasetOneShot):
    """The same for folders of generated faces; the name that the published configs use."""


@dataclass(frozen=True)
class Variant:
    """A picture made of one photo or two.

    Attributes:
        photos: which photos, from left to right.
        picture: (3, S, S) in [-1, 1], or its latents (c, h, w).
        weight: (1, S, S) of the loss, or (1, h, w) beside latents; mean 1.
    """

    photos: tuple[int, ...]
    picture: Tensor
    weight: Tensor


def _described(model: ModelView, path: Path) -> NDArray[np.float32]:
    """(1, F) of one aligned photo; what goes wrong names its file."""
    try:
        with Image.open(path) as image:
            return model.describe_faces([image.convert("RGB")])
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be described: {error}; align the photo again, or take it out of the list"
        ) from error


def _open(path: Path, size: int) -> Tensor:
    """(3, S, S) in [-1, 1] of an aligned picture, resampled well."""
    with Image.open(path) as image:
        resized = image.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
    return to_signed(np.asarray(resized))
