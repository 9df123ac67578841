"""What is laid over a model before it draws: LoRAs, each with a weight, and words learned by textual inversion."""

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ldm.modules.lora_fit import TEXT, UNET, require_fit
from ldm.modules.placeholders import Placeholders, word_ends
from ldm.runs.aligned_folder import sha256_of
from ldm.weights.compvis import LIKE_SD1
from ldm.weights.lora_files import SETTINGS, in_peft_names, require_lora
from ldm.weights.lora_kohya import by_layer, is_layer, kohya_names, layer_from
from ldm.weights.tensors import read_tensors
from ldm.weights.textual_inversion import read_embedding

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoraFile:
    """A LoRA and how strongly it is laid on.

    Attributes:
        path: PEFT's, diffusers' or kohya's form.
        weight: 1 as it was trained, 0 not at all.
    """

    path: Path
    weight: float = 1.0

    @property
    def told(self) -> dict[str, Any]:
        """What pictures say about it."""
        return {"file": self.path.name, "weight": self.weight, "sha256": sha256_of(self.path)}


def parse_lora(text: str) -> LoraFile:
    """``"FILE"`` or ``"FILE:0.7"``.

    Raises:
        ValueError: what stands after the colon is no number.
    """
    file, colon, weight = text.rpartition(":")
    if not colon or Path(text).exists():
        return LoraFile(Path(text))
    try:
        return LoraFile(Path(file), float(weight))
    except ValueError:
        raise ValueError(f"--lora {text!r}: write FILE or FILE:WEIGHT, like me.safetensors:0.7") from None


def add_loras(pipeline: Any, loras: Sequence[LoraFile], ignore_unmatched: bool = False) -> None:
    """Lay ``loras`` over the networks of a ``PersonPipeline``, beside a LoRA that its run has trained.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: it is no LoRA, or of another base model; what does not fit is listed.
    """
    networks = {UNET: pipeline.unet, TEXT: pipeline.text_encoder}
    own = [name for names in pipeline.get_list_adapters().values() for name in names]
    folder = pipeline.model.weights_folder
    like = folder if folder.is_dir() else LIKE_SD1
    added: dict[str, float] = {}
    for lora in loras:
        file = read_tensors(lora.path)
        require_lora(file)
        tensors = as_peft(file.tensors, like)
        try:
            fitting = require_fit(tensors, networks, ignore_unmatched)
        except ValueError as error:
            raise ValueError(f"{lora.path}: {error}\n--ignore-unmatched lays on what fits") from error
        if left := len(tensors) - len(fitting):
            logger.warning("%s: %d of %d tensors do not fit this model and are left out", lora.path, left, len(tensors))
        name = f"added_{len(added)}"
        settings = json.loads(file.metadata[SETTINGS]) if SETTINGS in file.metadata else None
        options = {"adapter_name": name, "metadata": settings, "_pipeline": pipeline}
        for part, load in ((UNET, pipeline.load_lora_into_unet), (TEXT, pipeline.load_lora_into_text_encoder)):
            if any(key.startswith(f"{part}.") for key in fitting):
                with warnings.catch_warnings():  # that there is another one already is meant
                    warnings.filterwarnings("ignore", message="Already found a `peft_config`")
                    load(fitting, network_alphas=None, **{part: networks[part]}, **options)
        added[name] = lora.weight
    if added:
        pipeline.set_adapters([*dict.fromkeys(own), *added], [*(1.0 for _ in dict.fromkeys(own)), *added.values()])


def as_peft(tensors: Mapping[str, Tensor], like: Path) -> dict[str, Tensor]:
    """The tensors of a LoRA by PEFT's names, where they are kohya's or those of older versions of diffusers.

    Kohya's alpha is multiplied into the second matrix, whose scale then is 1. What no layer is called stays as it is.

    Args:
        tensors: by any of the names.
        like: a diffusers folder of the model, for the names of its layers.

    Raises:
        ValueError: a DoRA holds the lengths of columns.
    """
    if not any(".lora_down." in key for key in tensors):
        return in_peft_names(tensors)
    layers = kohya_names(like)
    named: dict[str, Tensor] = {}
    for stem, parts in by_layer(tensors).items():
        there = layers.get(stem, stem)
        if not is_layer(parts):
            named |= {f"{stem}.{part}": tensor for part, tensor in parts.items()}
            continue
        layer = layer_from(stem, parts)
        named[f"{there}.lora_A.weight"] = layer.down
        named[f"{there}.lora_B.weight"] = layer.up * (layer.alpha / layer.rank)
        if (lengths := layer.lengths_for_peft()) is not None:
            named[f"{there}.lora_magnitude_vector.weight"] = lengths
    return named


@torch.no_grad()
def add_embeddings(pipeline: Any, files: Sequence[Path]) -> dict[str, str]:
    """Teach the tokenizer and text encoder of a ``PersonPipeline`` the words in ``files``; word -> SHA-256 of its file.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: it is no textual inversion, of another model, or its word is taken.
    """
    learned: dict[str, str] = {}
    width = pipeline.text_encoder.get_input_embeddings().embedding_dim
    for path in files:
        embedding = read_embedding(path)
        token, vectors = embedding.token, embedding.vectors.float()
        if vectors.shape[1] != width:
            raise ValueError(
                f"{path} holds token vectors of width {vectors.shape[1]}, this model's have {width}: it is of another "
                "model"
            )
        if token in pipeline.tokenizer.get_vocab():
            raise ValueError(f"{path}: the model has a word {token!r} already; rename the file or its word")
        if pipeline.placeholders is not None and token.strip("<>") in pipeline.placeholders.strings:
            raise ValueError(f"{path}: {token!r} is a person of the run; rename the word")
        pipeline.load_textual_inversion({token: vectors})
        learned[token] = sha256_of(path)
    _know_new_tokens(pipeline)
    return learned


def _know_new_tokens(pipeline: Any) -> None:
    """Let the words of every part of the run's method (people, action units) know where the new tokens end."""
    for part in pipeline.model.personalization.modules():
        for words in vars(part).values():
            if isinstance(words, Placeholders):
                words.ends_word = word_ends(pipeline.tokenizer)
