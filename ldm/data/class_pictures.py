"""Pictures of a person's class, which keep a model from forgetting it: where they lie and how they are drawn."""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ldm.data.photo_folders import ListPhotos, is_mask

logger = logging.getLogger(__name__)

SETTINGS, REJECTED = "settings.json", "rejected"
OF_A_PICTURE = (
    "prompt", "negative_prompt", "sampler", "height", "width", "num_inference_steps", "guidance_scale", "seed",
    "faces", "min_sharpness",
)  # fmt: skip
"""What a drawn picture depends on, beside the model: what may not differ between the pictures of a folder."""


class ClassPictureError(ValueError):
    """Class pictures that cannot be used; the message says what is there and what to change."""


@dataclass(frozen=True)
class ClassPictures:
    """Pictures for prior preservation (Ruiz et al. 2022, section 3.2).

    Attributes:
        folder: where they lie; those that are missing are drawn into it.
        prompt: what they are drawn and trained under: the class without the person's word.
        negative_prompt: what shall not be seen on them.
        num: how many take part.
        generate: draw those that are missing; false: too few are an error.
        sampler: ddim, dpm++, euler, pndm or ddpm; null takes the model's own.
        height: of a drawn picture in pixels; null takes the model's own.
        width: of a drawn picture in pixels; null takes the model's own.
        num_inference_steps: of the sampler; null takes the model's own.
        guidance_scale: strength of the prompt; null takes the model's own.
        seed: of the first picture; the next ones have the next seeds.
        batch_size: pictures drawn at a time.
        faces: ``one`` keeps drawn pictures with exactly one face of acceptable sharpness; ``any`` keeps all.
        min_sharpness: of the face, cut 112 px large, in (grey levels of 0..255)²; see ``ldm.faces.cut.sharpness``.
    """

    folder: Path
    prompt: str
    negative_prompt: str = ""
    num: Annotated[int, Field(gt=0)] = 200
    generate: bool = True
    sampler: Literal["ddim", "dpm++", "euler", "pndm", "ddpm"] | None = None
    height: Annotated[int, Field(gt=0)] | None = None
    width: Annotated[int, Field(gt=0)] | None = None
    num_inference_steps: Annotated[int, Field(gt=0)] | None = None
    guidance_scale: Annotated[float, Field(ge=0)] | None = None
    seed: int = 23
    batch_size: Annotated[int, Field(gt=0)] = 8
    faces: Literal["one", "any"] = "any"
    min_sharpness: Annotated[float, Field(ge=0)] = 20.0

    def drawn_so(self, weights: str) -> dict[str, Any]:
        """What settings.json says of pictures drawn by the model called ``weights``."""
        return {key: value for key, value in asdict(self).items() if key in OF_A_PICTURE} | {"weights": weights}

    def pictures(self, list_photos: ListPhotos) -> list[Path]:
        """The pictures that are there, sorted, without masks and those that were rejected."""
        if not self.folder.is_dir() or not any(path for path in self.folder.iterdir() if path.name != REJECTED):
            return []
        try:
            found = list_photos(self.folder)
        except ValueError:  # settings.json and no picture yet
            return []
        own = [path for path in found if REJECTED not in path.relative_to(self.folder).parts]
        return [path for path in own if not is_mask(path, self.folder)]

    def check(self, weights: str) -> None:
        """Nothing, if what the folder holds was drawn as this says, or was not drawn here at all.

        Raises:
            ClassPictureError: the pictures were drawn with other settings; every difference is named.
        """
        file = self.folder / SETTINGS
        if not file.is_file():
            return
        old, new = json.loads(file.read_text(encoding="utf-8")), self.drawn_so(weights)
        if differ := [f"{key}: {old.get(key)!r}, now {new[key]!r}" for key in new if old.get(key) != new[key]]:
            raise ClassPictureError(
                f"the class pictures in {self.folder} were drawn with other settings ({'; '.join(differ)}): "
                "name a new folder, or take the settings back"
            )

    def too_few(self, there: int) -> ClassPictureError:
        """The error of a folder with ``there`` pictures, less than ``num``, to which none may be added."""
        return ClassPictureError(
            f"{self.folder} holds {there} class pictures, {self.num} are wanted and generate is false: "
            f"put {self.num - there} more there, lower num, or set generate: true"
        )
