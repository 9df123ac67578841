"""Networks of transformers folders that look at pictures: CLIP for prompts, CLIP or DINO for what pictures share."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

BATCH = 16


@dataclass(frozen=True)
class Look:
    """How a network wants its pictures, by its ``preprocessor_config.json``.

    Attributes:
        shorter_px: pictures are resized to this shorter side, bicubic.
        crop_px: then cut to this square in the middle.
        mean: of RGB, subtracted from pixels in [0, 1].
        std: of RGB, divided by.
    """

    shorter_px: int
    crop_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, folder: Path) -> "Look":
        """As ``folder`` says.

        Raises:
            FileNotFoundError: the folder has no preprocessor_config.json.
        """
        path = folder / "preprocessor_config.json"
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder} has no preprocessor_config.json: give a folder of transformers, complete"
            )
        config = json.loads(path.read_text(encoding="utf-8"))
        size = config.get("size", 224)
        shorter = size if isinstance(size, int) else size.get("shortest_edge", size.get("height", 224))
        crop = config.get("crop_size", shorter)
        crop = crop if isinstance(crop, int) else crop.get("height", shorter)
        return cls(int(shorter), int(crop), tuple(config["image_mean"]), tuple(config["image_std"]))

    def __call__(self, images: Sequence[Image.Image]) -> Tensor:
        """(N, 3, crop_px, crop_px)."""
        return torch.stack([self._one(image.convert("RGB")) for image in images])

    def _one(self, image: Image.Image) -> Tensor:
        shorter = min(image.size)
        width, height = (max(self.crop_px, self.shorter_px * side // shorter) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - self.crop_px) // 2, (height - self.crop_px) // 2
        pixels = np.asarray(image.crop((left, top, left + self.crop_px, top + self.crop_px)), np.float32) / 255
        scaled = (pixels - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return torch.from_numpy(scaled).permute(2, 0, 1)


def read_network(folder: Path) -> Any:
    """The network of a transformers folder, on the CPU, for evaluation.

    Raises:
        FileNotFoundError: it is no such folder.
        ValueError: it cannot be read.
    """
    from transformers import AutoModel

    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} is no transformers folder: it has no config.json")
    try:
        return AutoModel.from_pretrained(str(folder), local_files_only=True).eval()
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(f"{folder} cannot be read by transformers: {error}") from error


def vector_of(output: Any) -> Tensor:
    """(N, D) of what a network of transformers 5 gives: a tensor, or an object that holds one."""
    return output if isinstance(output, Tensor) else output.pooler_output


class ClipJudge:
    """Scores prompts by CLIP: the cosine of picture and text, as it is: not times 100, not cut at 0.

    Scores of different CLIPs cannot be compared; the name says which one it is.

    Args:
        folder: a CLIP of transformers: config.json, weights, tokenizer, preprocessor_config.json.

    Raises:
        FileNotFoundError: the folder is not complete.
        ValueError: it is no CLIP.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name, self._look = folder, f"clip {folder.resolve().name}", Look.of(folder)

    @cached_property
    def _clip(self) -> tuple[Any, Any]:
        from transformers import AutoTokenizer

        net = read_network(self.folder)
        if not hasattr(net, "get_text_features"):
            raise ValueError(f"{self.folder} is a {type(net).__name__}, which reads no text: give a CLIP folder")
        return net, AutoTokenizer.from_pretrained(str(self.folder), local_files_only=True)

    @torch.no_grad()
    def scores(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> list[float | None]:
        """The cosine of each picture and its prompt; text beyond the network's length is cut off."""
        net, tokenizer = self._clip
        found: list[float | None] = []
        for start in range(0, len(images), BATCH):
            part = slice(start, start + BATCH)
            words = tokenizer(
                list(prompts[part]), padding=True, truncation=True,
                max_length=net.config.text_config.max_position_embeddings, return_tensors="pt",
            )  # fmt: skip
            text = vector_of(net.get_text_features(words["input_ids"], words["attention_mask"]))
            seen = vector_of(net.get_image_features(self._look(images[part])))
            found += [float(value) for value in F.cosine_similarity(text, seen)]
        return found


class PictureNetwork:
    """What a picture shows, as a unit vector: CLIP-I or DINO by its transformers folder.

    Args:
        folder: any network of transformers that looks at pictures, with preprocessor_config.json.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name, self._look = folder, folder.resolve().name, Look.of(folder)

    @cached_property
    def _net(self) -> Any:
        return read_network(self.folder)

    @torch.no_grad()
    def vectors(self, images: Sequence[Image.Image]) -> Tensor:
        """(N, D) unit vectors."""
        found = []
        for start in range(0, len(images), BATCH):
            pixels = self._look(images[start : start + BATCH])
            net = self._net
            output = net.get_image_features(pixels) if hasattr(net, "get_image_features") else net(pixel_values=pixels)
            found.append(F.normalize(vector_of(output), dim=-1))
        return torch.cat(found)

    def similarity(self, images: Sequence[Image.Image], references: Sequence[Image.Image]) -> float:
        """Mean cosine of all pairs of a picture and a reference."""
        return float((self.vectors(images) @ self.vectors(references).T).mean())
