"""Latents, encoded once: pictures of a store and pairs of them, with what the model is told of them."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch.utils.data import Dataset

from ldm.bars import bar
from ldm.batch import Sample
from ldm.config import Injected
from ldm.data.captions import Words, chance, pair_caption, row_caption
from ldm.data.encode import ABOUT, LATENTS, PAIR_ROWS, PAIRS, ROWS, VECTORS, encode_store
from ldm.data.origin import MAX_PICTURES, hash_of_vae
from ldm.data.sampling import SampleKey, as_key
from ldm.data.store import PictureStore
from ldm.randomness import generator

logger = logging.getLogger(__name__)

Told = Literal["caption", "image_embedding", "mixed", "none"]
LOOKED_AT = 512
"""Captions that are drawn to see that they fit the tokenizer."""


class CaptionedLatents(Dataset[Sample]):
    """Latents of people by name, of people by attributes or captions of their own, and of two people.

    What is told of a picture is its caption, a vector of the picture itself (then the model prompts with the vector of
    a text, in the same space), one of both, or nothing.

    Args:
        folder: the latents; made of ``pictures`` where they are not there yet or are those of other pictures.
        pair_p: share of pictures of two people, of whom it is always the names that are told.
        attribute_p: share of pictures without a name, where some have one.
        pictures: the picture store; null takes the latents as they are.
        conditioning: ``caption``, ``image_embedding``, ``mixed`` (half of each) or ``none``.
        split: which pictures, where they are encoded here.
        num_pairs: how many pictures of two people are made.
        num_variants: of each picture: 1 is the picture, 2 its mirror image too, more are moved a little.
        max_pictures: nobody counts for more than this many pictures.
        length: samples an epoch; every sample is drawn anew.
        words: which words captions from attributes use, see :class:`ldm.data.captions.Words`.
        model: whose first stage encodes the pictures.
        seed: of all choices.

    Raises:
        ValueError: nothing can be said of any picture; the latents are those of another first stage; a caption does not
            fit the tokenizer.
    """

    def __init__(
        self,
        folder: Path,
        pair_p: Annotated[float, Field(ge=0, le=1)] = 0.2,
        attribute_p: Annotated[float, Field(ge=0, le=1)] = 0.2,
        pictures: Path | None = None,
        conditioning: Told = "caption",
        split: str = "train",
        num_pairs: Annotated[int, Field(ge=0)] = 0,
        num_variants: Annotated[int, Field(gt=0)] = 2,
        max_pictures: Annotated[int, Field(gt=0)] = MAX_PICTURES,
        length: Annotated[int, Field(gt=0)] = 16384,
        words: Mapping[str, str | bool] | None = None,
        model: Injected[Any] = None,
        seed: int = 23,
    ) -> None:
        folder, self.words = Path(folder), Words(**(words or {}))  # type: ignore[arg-type]
        self.conditioning, self.length, self.seed = conditioning, length, seed
        self.pair_p, self.attribute_p = pair_p, attribute_p
        embedding = conditioning in ("image_embedding", "mixed")
        if pictures is not None:
            self._encode(model, PictureStore(pictures), folder, num_pairs, split, max_pictures, num_variants, embedding)
        if not (folder / ABOUT).is_file():
            raise FileNotFoundError(f"{folder} holds no latents: name the picture store too, and they are made")
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        _require_same_vae(folder, about, model)
        scaling = model.first_stage_model.config.scaling_factor if model is not None else 1.0 / about["std"]
        self.scaling_factor = float(scaling)
        self.latents = np.load(folder / LATENTS, mmap_mode="r")
        self.pairs = np.load(folder / PAIRS, mmap_mode="r")
        self.vectors = np.load(folder / VECTORS, mmap_mode="r") if embedding else None
        self.rows: list[dict[str, Any]] = _rows(folder / ROWS)
        self.pair_names: list[list[str]] = _rows(folder / PAIR_ROWS)
        self._choose(folder, max_pictures)
        if model is not None and conditioning in ("caption", "mixed"):
            self._require_short_captions(model)

    @staticmethod
    def _encode(
        model: Any,
        store: PictureStore,
        folder: Path,
        num_pairs: int,
        split: str,
        max_pictures: int,
        num_variants: int,
        embedding: bool,
    ) -> None:
        """Make the latents, unless they are there."""
        if model is None:
            raise ValueError("latents are made of pictures by a model's first stage, and there is no model here")
        if (size := model.sample_size_px) != store.size_px:
            raise ValueError(
                f"the pictures in {store.folder} have {store.size_px} px, the model's {size}: prepare them with "
                f"--size {size}"
            )
        stage = model.cond_stage_model
        if embedding and not hasattr(stage, "embed_pictures"):
            raise ValueError(
                "conditioning image_embedding and mixed need a text side with a picture side: cond_stage_config "
                "ldm.modules.encoders.clip_space.ClipSpaceEmbedder"
            )
        if embedding and model.unet.config.cross_attention_dim != stage.width:
            raise ValueError(
                f"the UNet's cross-attention is {model.unet.config.cross_attention_dim} wide, the vectors of "
                f"{stage.name} are {stage.width}: make the model with cross_attention_dim: {stage.width}"
            )
        model.encode_pictures(torch.zeros(1, 3, size, size))  # moves the first stage to the trainer's device
        stage.to(model.first_stage_model.device)
        with bar("encode", len(store.indices(split)) * num_variants + num_pairs, brief=True) as advance:
            encode_store(
                model.first_stage_model,
                store,
                folder,
                num_pairs,
                split,
                max_pictures=max_pictures,
                num_variants=num_variants,
                embed=stage.embed_pictures if embedding else None,
                embedder=stage.picture_side if embedding else "",
                advance=advance,
            )

    def _choose(self, folder: Path, max_pictures: int) -> None:
        """Who is drawn how often."""
        needs_words = self.conditioning in ("caption", "mixed")
        self.named = np.array([i for i, row in enumerate(self.rows) if "name" in row], np.int64)
        others = [i for i, row in enumerate(self.rows) if "name" not in row]
        known = [i for i in others if {"attributes", "caption"} & self.rows[i].keys() or not needs_words]
        self.others = np.array(known, np.int64)
        if not len(self.named) + len(self.others):
            raise ValueError(f"{folder} holds no picture with a name or attributes: nothing could be said of any")
        _, inverse, counts = np.unique(
            [self.rows[i]["name"] for i in self.named], return_inverse=True, return_counts=True
        )
        weight = np.minimum(1.0, max_pictures / counts)[inverse]
        self.cumulative = torch.from_numpy(np.cumsum(weight / weight.sum()))

    def _require_short_captions(self, model: Any) -> None:
        """Nothing, if the captions fit the tokenizer: all that were written, and some of those that are drawn."""
        written = [(row["file"], row["caption"]) for row in self.rows if "caption" in row]
        drawn = [("", self[SampleKey(0, n)]["caption"]) for n in range(min(LOOKED_AT, self.length))]
        for file, caption in dict.fromkeys(written + drawn):
            try:
                model.cond_stage_model.tokenize([caption])
            except ValueError as error:
                whose = f"the caption of {file}" if file else "a caption that is drawn"
                raise ValueError(f"{whose} does not fit the model: {error}") from error

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: SampleKey | int) -> Sample:
        """``latents`` (c, h, w), scaled; ``caption``; maybe ``embedding`` (D,), zero where the caption counts."""
        key = as_key(key)
        draws = generator(self.seed, "augment", key.draw)
        kind = float(torch.rand((), generator=draws))
        vector = None if self.vectors is None else np.zeros(self.vectors.shape[-1], np.float32)
        if kind < self.pair_p and len(self.pairs):
            i = int(torch.randint(len(self.pairs), (), generator=draws))
            left, right = self.pair_names[i]
            latents, caption = self.pairs[i], pair_caption(left, right, draws)
        else:
            i = self._picture(kind < self.pair_p + self.attribute_p, draws)
            number = int(torch.randint(self.latents.shape[1], (), generator=draws))
            latents = self.latents[i, number]
            caption = row_caption(self.rows[i], draws, self.words) or "a photo"
            if self.vectors is not None and (self.conditioning != "mixed" or chance(0.5, draws)):
                vector = np.array(self.vectors[i, number], np.float32)
        scaled = torch.from_numpy(np.array(latents, dtype=np.float32)) * self.scaling_factor
        sample: Sample = {"latents": scaled, "caption": "" if self.conditioning == "none" else caption}
        return sample if vector is None else {**sample, "embedding": torch.from_numpy(vector)}

    def _picture(self, other: bool, draws: torch.Generator) -> int:
        if len(self.others) and (other or not len(self.named)):
            return int(self.others[int(torch.randint(len(self.others), (), generator=draws))])
        at = torch.searchsorted(self.cumulative, torch.rand((), generator=draws, dtype=torch.float64))
        return int(self.named[min(int(at), len(self.named) - 1)])


def _require_same_vae(folder: Path, about: Mapping[str, Any], model: Any) -> None:
    """Nothing, if the latents are those of the model's first stage."""
    if model is None:
        return
    if "vae" not in about:
        logger.warning("%s does not say which first stage made it: nothing is checked; prepare it again", folder)
    elif about["vae"] != hash_of_vae(model.first_stage_model):
        raise ValueError(
            f"the latents in {folder} were made with another first stage than that of {model.weights_folder}: name the "
            "picture store too (data.params.train.params.pictures), and they are made anew"
        )


def _rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
