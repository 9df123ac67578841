"""What a run hands to data sets of photos: its model's sizes and latents, and what reads photos and finds faces."""

from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from ldm.data.class_pictures import ClassPictures
from ldm.data.framing import Points
from ldm.faces.photos import list_photos, read_photo
from ldm.models.first_stage import downscale
from ldm.modules.placeholders import PromptTooLongError
from ldm.runs.class_pictures import make_class_pictures


class RunTools:
    """The :class:`ldm.data.training_photos.PhotoTools` of a model.

    Args:
        model: a ``LatentDiffusion``.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def sample_size_px(self) -> int:
        """Side of the model's own pictures."""
        return int(self.model.sample_size_px)

    @cached_property
    def multiple_px(self) -> int:
        """By how much first stage and UNet shrink a picture together."""
        levels = len(self.model.unet.config.block_out_channels)
        return int(downscale(self.model.first_stage_model) * 2 ** (levels - 1))

    def list_photos(self, folder: Path) -> list[Path]:
        """Pictures below a folder, sorted."""
        return list_photos(folder)

    def read_photo(self, path: Path) -> Image.Image:
        """A photo as upright RGB."""
        return read_photo(path)

    def face_points(self, photo: Image.Image) -> Points | None:
        """Eyes, nose and mouth corners of the largest face, or None."""
        face = self.model.faces.largest(photo)
        return None if face is None else tuple((float(x), float(y)) for x, y in face.points)

    def refusal(self, caption: str) -> str | None:
        """Why the text encoder does not take a caption, with room for the people it mentions; None where it does."""
        try:
            self.model.personalization.expand(self.model.cond_stage_model.tokenize([caption]))
        except PromptTooLongError as error:
            return str(error)
        return None

    def pieces(self, word: str) -> list[str]:
        """What the tokenizer cuts a word into."""
        return list(self.model.cond_stage_model.tokenizer.tokenize(word))

    def encode_pictures(self, images: Tensor) -> Tensor:
        """(N, c, h, w) scaled latents of (N, 3, H, W) in [-1, 1]."""
        latents: Tensor = self.model.encode_pictures(images)
        return latents

    def make_class_pictures(self, wanted: ClassPictures) -> None:
        """Draw those that are missing, each process its part."""
        make_class_pictures(self.model, wanted)
