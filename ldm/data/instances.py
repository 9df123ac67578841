"""A few photos of somebody or something to learn, under prompts; beside them, pictures of the class."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from ldm.batch import Sample
from ldm.config import Injected
from ldm.data.augment import Jitter
from ldm.data.balance import cumulative, drawn_by
from ldm.data.buckets import bucket_sizes, nearest_size, require_size
from ldm.data.caption_files import CaptionSource, read_captions
from ldm.data.class_pictures import ClassPictures
from ldm.data.framing import Crop, Frame
from ldm.data.module import collate
from ldm.data.photo_folders import PhotoFolder, read_folders
from ldm.data.prompts import Prompt, Tags, TemplateKind
from ldm.data.sampling import SampleKey, as_key
from ldm.data.training_photos import Photo, PhotoTools, checked_captions, readable
from ldm.data.views import Views
from ldm.randomness import generator
from ldm.util import instantiate_from_config

logger = logging.getLogger(__name__)


class InstancePictures(Dataset[list[Sample]]):
    """Photos with captions, each beside a picture of the class where there are any.

    Args:
        folder: photos in one folder, in kohya's ``10_sks person``, or in a folder of those.
        tools: the model's picture size and latents, and what reads photos and finds faces.
        instance_prompt: caption of a photo without its own; ``{name}`` stands for ``token``, ``[filewords]`` for the
            photo's own caption. null: in kohya's folders, what the folder is called.
        token: the word that is learned; every prompt should mention it. null: there is none (a style).
        captions: where photos' own captions are: ``auto``, ``prompt`` (nowhere), ``txt``, ``metadata``, ``filename``.
        templates: instead of the prompt, a sentence about ``token`` drawn anew each time.
        long_captions: captions with more tokens than the text encoder takes are refused, or lose their last tags.
        shuffle_tags: draw the order of a caption's comma-separated tags anew each time.
        keep_tags: so many tags at the front stay where they are, and stay.
        tag_dropout: chance that one of the other tags is left out.
        tag_separator: what stands between tags.
        repeats: how often each photo counts in an epoch; the number in a kohya folder's name counts before it.
        balance: table of ``path`` and ``weight`` (the labels.csv of ``python -m ldm prepare au``): photos are drawn by
            their weight instead of each once an epoch.
        height: of a training picture in pixels; null takes the model's own.
        width: of a training picture in pixels; null takes the model's own.
        buckets: photos keep about their shape, at no more pixels; a batch holds one size only.
        crop: which part of a photo is taken: ``center``, ``random``, or ``face``.
        augment_config: node of :class:`ldm.data.augment.Jitter`; null varies nothing.
        num_variants: pictures made of each photo once and encoded; 0 makes and encodes a new one each time.
        mask: where the loss looks: nowhere in particular, in a ``file`` beside the photo, in its ``alpha`` channel, or
            on the ``face``.
        background_weight: weight of the loss away from there.
        class_config: node of :class:`ldm.data.class_pictures.ClassPictures`, for prior preservation.
        seed: of all choices.

    Raises:
        ValueError: nothing can be learned from the photos as they are; the message says why.
    """

    def __init__(
        self,
        folder: Path,
        tools: Injected[PhotoTools],
        instance_prompt: str | None = None,
        token: str | None = None,
        captions: CaptionSource = "auto",
        templates: TemplateKind | None = None,
        long_captions: Literal["refuse", "shorten"] = "refuse",
        shuffle_tags: bool = False,
        keep_tags: Annotated[int, Field(ge=0)] = 0,
        tag_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0,
        tag_separator: Annotated[str, Field(min_length=1)] = ",",
        repeats: Annotated[int, Field(gt=0)] = 1,
        balance: Path | None = None,
        height: Annotated[int, Field(gt=0)] | None = None,
        width: Annotated[int, Field(gt=0)] | None = None,
        buckets: bool = False,
        crop: Crop = "center",
        augment_config: Mapping[str, Any] | None = None,
        num_variants: Annotated[int, Field(ge=0)] = 16,
        mask: Literal["none", "file", "alpha", "face"] = "none",
        background_weight: Annotated[float, Field(ge=0, le=1)] = 0.3,
        class_config: Mapping[str, Any] | None = None,
        seed: int = 23,
    ) -> None:
        self.folder, self.tools, self.seed, self.token = Path(folder), tools, seed, token
        self.tags = Tags(shuffle_tags, keep_tags, tag_dropout, tag_separator)
        own = tools.sample_size_px
        size = require_size(height or own, width or own, tools.multiple_px)
        self.sizes = bucket_sizes(*size, tools.multiple_px) if buckets else [size]
        jitter: Jitter | None = instantiate_from_config(augment_config) if augment_config else None
        weighted = background_weight if mask != "none" else None
        self.mask, self.frame = mask, Frame(crop, jitter, weighted)

        if token and len(pieces := tools.pieces(token)) > 1:
            logger.warning(
                "the token %r is no word of the model: it is read as %s. A rare word of its own, such as sks, is "
                "learned more easily", token, " ".join(pieces),
            )  # fmt: skip
        self.folders = read_folders(self.folder, tools.list_photos)
        self.photos = [
            photo for one in self.folders for photo in self._photos(one, instance_prompt, captions, templates)
        ]
        self.photos = checked_captions(self.photos, tools, token, shorten=long_captions == "shorten")
        repeated = {one.path: one.repeats or repeats for one in self.folders}
        self.order = [i for i, photo in enumerate(self.photos) for _ in range(repeated[photo.folder])]
        self.weights = None if balance is None else self._weights(Path(balance), buckets)
        if buckets:
            self.groups = [self.photos[i].size for i in self.order]  # the samples of a batch are of one of these
        self.views = Views(self.photos, self.sizes, self.frame, tools, mask, num_variants, "instance", seed)

        self.class_pictures: ClassPictures | None = instantiate_from_config(class_config) if class_config else None
        self.class_views = None
        if self.class_pictures is not None:
            self.class_views = self._class_views(self.class_pictures, num_variants)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, key: SampleKey | int) -> list[Sample]:
        """One photo, and with class pictures one of these; each ``latents`` or ``image``, ``caption``, ``is_prior``."""
        key = as_key(key)
        draws = generator(self.seed, "augment", key.draw, key.index)
        number = self.order[key.index] if self.weights is None else drawn_by(self.weights, self.seed, key.draw)
        photo = self.photos[number]
        samples = [self._sample(self.views, number, photo.size, False, draws)]
        if self.class_views is not None:
            count = len(self.class_views)
            order = torch.randperm(count, generator=generator(self.seed, "class order", key.draw // count))
            samples.append(self._sample(self.class_views, int(order[key.draw % count]), photo.size, True, draws))
        return samples

    def collate(self, samples: Sequence[Sequence[Sample]]) -> dict[str, Any]:
        """One batch: all photos, then all class pictures."""
        return collate_pictures(samples)

    def about(self) -> dict[str, Any]:
        """What takes part: for the look at a run before it starts."""
        counts = Counter(self.photos[i].size for i in self.order)
        caption = generator(self.seed, "shown")
        return {
            "instance pictures": len(self.photos),
            "class pictures": len(self.class_views) if self.class_views is not None else 0,
            "samples an epoch": len(self),
            "folders": [one.about() for one in self.folders],
            "sizes": {f"{w} x {h}": counts[i] for i, (h, w) in enumerate(self.sizes) if counts[i]},
            "variants": self.views.about(),
            "captions": list(dict.fromkeys(one.prompt.of(one.caption, caption) for one in self.photos[:30]))[:3],
        }

    def _weights(self, table: Path, buckets: bool) -> Tensor:
        """(N,) how often each photo is drawn, as sums over those before it, up to 1."""
        if buckets:
            raise ValueError(
                "balance draws photos of any shape, buckets want those of one in a batch: take one of both"
            )
        return cumulative(table, [photo.path for photo in self.photos])

    def _sample(self, views: Views, number: int, size: int, prior: bool, draws: torch.Generator) -> Sample:
        picture, weight = views.view(number, size, draws)
        photo = views.photos[number]
        sample: Sample = {"caption": photo.prompt.of(photo.caption, draws), "is_prior": prior}
        if views.encoded:
            sample["latents"] = picture
        else:
            sample["image"] = picture
        if self.frame.background_weight is not None:
            sample["loss_weight"] = weight
        return sample

    def _photos(
        self, folder: PhotoFolder, text: str | None, source: CaptionSource, templates: TemplateKind | None
    ) -> list[Photo]:
        """The readable photos of a folder with their captions."""
        own = read_captions(folder.path, folder.pictures, source)
        name = self.token or folder.words or None
        prompt = Prompt(text or folder.words or None, name, templates, self.tags)
        pictures = readable(folder.pictures, self.tools)
        unsaid = [path for path in pictures if path not in own and prompt.text is None and templates is None]
        if unsaid:
            raise ValueError(
                f"{len(unsaid)} of {len(pictures)} photos in {folder.path} have no caption, first {unsaid[0].name}, "
                "and there is no instance_prompt: set it ('a photo of sks person'), or write NAME.txt beside each photo"
            )
        sizes = [nearest_size(*shape, self.sizes) for shape in pictures.values()]
        return [Photo(p, folder.path, prompt, own.get(p), size) for p, size in zip(pictures, sizes, strict=True)]

    def _class_views(self, wanted: ClassPictures, num_variants: int) -> Views:
        """The class pictures, drawn first where they are missing, in every size that the photos have."""
        self.tools.make_class_pictures(wanted)
        prompt = Prompt(wanted.prompt)
        there = list(readable(wanted.pictures(self.tools.list_photos), self.tools))[: wanted.num]
        photos = [Photo(path, wanted.folder, prompt, None, 0) for path in there]
        checked_captions(photos[:1], self.tools, None)
        frame = Frame("center", self.frame.jitter, None)
        used = sorted({photo.size for photo in self.photos})
        return Views(photos, self.sizes, frame, self.tools, "none", min(num_variants, 2), "class", self.seed, used)


def collate_pictures(samples: Sequence[Sequence[Sample]]) -> dict[str, Any]:
    """One batch of what the data sets of this file give: photos first; where one has a loss weight, all get one."""
    flat = [one for several in samples for one in several]
    flat = sorted(flat, key=lambda sample: sample["is_prior"])
    weights = [sample["loss_weight"] for sample in flat if "loss_weight" in sample]
    if weights:
        flat = [{"loss_weight": torch.ones_like(weights[0]), **sample} for sample in flat]
    return collate(flat)
