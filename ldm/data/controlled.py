"""Pictures to train a ControlNet on: each with its edges or face points, and a caption."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from einops import rearrange
from PIL import Image, ImageOps
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from ldm.bars import bar
from ldm.batch import Sample
from ldm.config import Injected
from ldm.data.caption_files import CaptionSource, read_captions
from ldm.data.captions import chance
from ldm.data.control_images import AT_ONCE, ControlKind, as_control, canny, draw_points, middle, points_in_middle
from ldm.data.pictures import to_signed
from ldm.data.sampling import SampleKey, as_key
from ldm.data.training_photos import PhotoTools, readable
from ldm.randomness import generator

logger = logging.getLogger(__name__)

MIRRORED = (1, 0, 2, 4, 3)
"""Which point of a face is where in the mirror: left stays left in the picture."""


class ControlledPictures(Dataset[Sample]):
    """The middle of each photo, upright and mirrored, encoded once; what it shows is told by its control picture.

    Args:
        folder: photos; captions beside them as text files or in metadata.jsonl.
        tools: the model's picture size and latents, and what reads photos and finds faces.
        control: what the ControlNet is shown: ``canny`` edges of the photo, or its face's ``landmarks``.
        instance_prompt: caption of a photo that has none of its own.
        captions: where photos' own captions are: ``auto``, ``prompt`` (nowhere), ``txt``, ``metadata``, ``filename``.
        blind: every photo is beside the control picture of another one: the control of a study.
        seed: of all choices.

    Raises:
        ValueError: there is no photo; a caption does not fit the text encoder; or no photo shows a face for
            ``landmarks``.
    """

    def __init__(
        self,
        folder: Path,
        tools: Injected[PhotoTools],
        control: ControlKind = "canny",
        instance_prompt: str = "a photo of a face",
        captions: CaptionSource = "auto",
        blind: bool = False,
        seed: Annotated[int, Field(ge=0)] = 23,
    ) -> None:
        self.seed, self.kind, self.tools = seed, control, tools
        self.pictures: list[Path] = []
        self.controls: list[tuple[Image.Image, Image.Image]] = []  # of the photo upright and mirrored
        waiting: list[Tensor] = []
        latents: list[Tensor] = []
        there = readable(tools.list_photos(Path(folder)), tools)
        own = read_captions(Path(folder), list(there), captions)
        said = {path: own.get(path, instance_prompt) for path in there}
        _require_short(said, tools)
        with bar(f"encode, with {control}", len(there), brief=True) as advance:
            for path in there:
                advance(1)
                whole = tools.read_photo(path)
                photo = middle(whole, (tools.sample_size_px, tools.sample_size_px))
                if (shown := self._control(whole, photo)) is None:
                    logger.warning("%s shows no face and is left out", path)
                    continue
                self.pictures.append(path)
                self.controls.append(shown)
                image = to_signed(np.array(photo))
                waiting += [image, image.flip(-1)]
                if len(waiting) >= 2 * AT_ONCE:
                    latents.append(tools.encode_pictures(torch.stack(waiting)).cpu())
                    waiting.clear()
        if waiting:
            latents.append(tools.encode_pictures(torch.stack(waiting)).cpu())
        if not self.pictures:
            raise ValueError(f"no photo in {folder} shows a face: landmarks need one; take control: canny")
        self.latents = rearrange(torch.cat(latents), "(n two) c h w -> n two c h w", two=2)
        self.captions = [said[path] for path in self.pictures]
        number = len(self.pictures)
        self.shown = [(i + number // 2) % number if blind else i for i in range(number)]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, key: SampleKey | int) -> Sample:
        """``latents`` (c, h, w), ``control`` (3, H, W) in [0, 1] and ``caption``."""
        key = as_key(key)
        mirrored = chance(0.5, generator(self.seed, "augment", key.draw, key.index))
        return {
            "latents": self.latents[key.index, int(mirrored)],
            "control": as_control(self.controls[self.shown[key.index]][int(mirrored)]),
            "caption": self.captions[key.index],
        }

    def _control(self, whole: Image.Image, photo: Image.Image) -> tuple[Image.Image, Image.Image] | None:
        """The control pictures of the middle of a photo and of its mirror image; None: it shows no face."""
        if self.kind == "canny":
            edges = canny(photo)
            return edges, ImageOps.mirror(edges)
        if (found := self.tools.face_points(whole)) is None:
            return None
        points = points_in_middle(found, whole.size, photo.size)
        mirrored = [(photo.width - 1 - points[i][0], points[i][1]) for i in MIRRORED]
        return draw_points(points, photo.size), draw_points(mirrored, photo.size)


def _require_short(captions: Mapping[Path, str], tools: PhotoTools) -> None:
    """Nothing, if all captions fit the text encoder.

    Raises:
        ValueError: some do not; the first is named, with its picture.
    """
    found = {path: tools.refusal(caption) for path, caption in captions.items()}
    if refused := [f"{path.name}: {reason}" for path, reason in found.items() if reason]:
        raise ValueError(f"{len(refused)} of {len(captions)} captions are too long, first that of {refused[0]}")
