"""LoRA files: told apart, read in either form, written in diffusers' form (PEFT's names), bit by bit.

diffusers keeps alphas and ranks in the file's header; kohya's form is that of :mod:`ldm.weights.lora_kohya`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ldm.weights.compvis import LIKE_SD1
from ldm.weights.family import family_of
from ldm.weights.lora_kohya import from_kohya
from ldm.weights.lora_layers import NETWORKS, Lora, LoraLayer, usual_alpha, usual_rank
from ldm.weights.modelspec import modelspec, write_safetensors
from ldm.weights.tensors import TensorFile, read_tensors

SETTINGS = "lora_adapter_metadata"
"""Where diffusers looks for rank and alpha in a file's header."""
A, B, LENGTHS = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector.weight"
"""PEFT saves a DoRA's lengths without ".weight", but transformers finds those of a text encoder only with it."""


def require_lora(file: TensorFile) -> str:
    """What the LoRA in ``file`` is called.

    Raises:
        ValueError: it is no LoRA, or of a kind that no other program's form can hold.
    """
    family = family_of(file)
    if family.kind != "lora":
        raise ValueError(f"{file.path} is {family.words}; a LoRA in kohya's or diffusers' form is needed here")
    if "LyCORIS" in family.words:
        raise ValueError(
            f"{file.path} is {family.words}: its changes are no products of two thin matrices, as a LoRA's "
            "are. Merge it into a model with a program that knows LyCORIS; `convert extract-lora` makes a LoRA of that"
        )
    return family.words


def read_lora(path: Path, like: Path = LIKE_SD1) -> Lora:
    """The LoRA or DoRA in a file of either form.

    Args:
        path: the file.
        like: a diffusers folder of the model it belongs to, for the names of its layers.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no LoRA, of a kind that has no other form (LyCORIS), or of another model's layers.
    """
    file = read_tensors(path)
    layers = from_kohya(file, like) if "kohya" in require_lora(file) else _from_diffusers(file)
    return Lora(layers, {key: value for key, value in file.metadata.items() if key not in (SETTINGS, "format")})


def is_kohya(path: Path) -> bool:
    """Whether the LoRA in a file has kohya's names."""
    return any(name.endswith(".lora_down.weight") for name in read_tensors(path).tensors)


def _from_diffusers(file: TensorFile) -> dict[str, LoraLayer]:
    settings = json.loads(file.metadata.get(SETTINGS, "{}"))
    tensors = in_peft_names(file.tensors)
    downs = {name.removesuffix(A): tensor for name, tensor in tensors.items() if name.endswith(A)}
    if odd := sorted(tensors.keys() - {stem + end for stem in downs for end in (A, B, LENGTHS)}):
        raise ValueError(f"{file.path}: {len(odd)} tensors belong to no layer of a LoRA, first {odd[0]}")
    layers = {}
    for stem, down in downs.items():
        name = stem.replace("text_encoder.text_model.", "text_encoder.")
        up, lengths = tensors.get(stem + B), tensors.get(stem + LENGTHS)
        if up is None:
            raise ValueError(f"{file.path}: {stem}{A} has no lora_B beside it")
        alpha = _alpha_of(name, int(down.shape[0]), settings)
        layers[name] = LoraLayer(down, up, alpha, None if lengths is None else lengths.flatten())
    return layers


def in_peft_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same under PEFT's names; diffusers knows how its older versions called them."""
    from diffusers.utils import convert_state_dict_to_peft, convert_unet_state_dict_to_peft

    translate = {"unet": convert_unet_state_dict_to_peft, "text_encoder": convert_state_dict_to_peft}
    bare = LENGTHS.removesuffix(".weight")
    tensors = {key + ".weight" if key.endswith(bare) else key: tensor for key, tensor in tensors.items()}
    ours = (".lora_A.", ".lora_B.", LENGTHS)
    named = {key: tensor for key, tensor in tensors.items() if any(part in key for part in ours)}
    others = {key: tensor for key, tensor in tensors.items() if key not in named}
    for network, function in translate.items():
        old = {key.partition(".")[2]: others.pop(key) for key in list(others) if key.startswith(f"{network}.")}
        named |= {f"{network}.{key}": tensor for key, tensor in (function(old) if old else {}).items()}
    return named | others


def _alpha_of(name: str, rank: int, settings: Mapping[str, Any]) -> float:
    """The alpha that gives a layer's scale, alpha / rank; rsLoRA's is alpha / sqrt(rank)."""
    from peft.utils.other import get_pattern_key

    network, _, layer = name.partition(".")
    own = settings.get(f"{network}.alpha_pattern") or {}
    # a pattern is the end of a layer's name: an older one may begin where the text encoder's lay in text_model
    key = get_pattern_key(own, f"text_model.{layer}" if network == "text_encoder" else layer)
    alpha = float(own.get(key, settings.get(f"{network}.lora_alpha", rank)))
    return alpha * rank**0.5 if settings.get(f"{network}.use_rslora") else alpha


def write_diffusers_lora(path: Path, lora: Lora) -> Path:
    """diffusers' form, for ``load_lora_weights``; what a kohya file says of itself comes along.

    Raises:
        ValueError: of one network some layers have lengths of their own (DoRA) and others have none.
    """
    tensors: dict[str, Tensor] = {}
    settings: dict[str, Any] = {}
    for name, layer in lora.layers.items():
        key = name.replace("text_encoder.", "text_encoder.text_model.", 1)
        tensors |= {key + A: layer.down, key + B: layer.up}
        if (lengths := layer.lengths_for_peft()) is not None:
            tensors[key + LENGTHS] = lengths
    for network in NETWORKS:
        if own := lora.of(network):
            settings |= {f"{network}.{key}": value for key, value in _peft_settings(network, own).items()}
    metadata = (
        modelspec(path.stem, lora.width, "/lora") | lora.metadata | {SETTINGS: json.dumps(settings, sort_keys=True)}
    )
    return write_safetensors(path, tensors, metadata)


def _peft_settings(network: str, layers: dict[str, LoraLayer]) -> dict[str, Any]:
    """What PEFT is told: the usual rank and alpha, and the layers that have others."""
    rank, alpha = usual_rank(layers), usual_alpha(layers)
    without = [name for name, layer in layers.items() if layer.magnitude is None]
    if 0 < len(without) < len(layers):
        raise ValueError(
            f"{len(without)} of {len(layers)} layers of the {network} have no lengths of their own (DoRA), first "
            f"{without[0]}, and the others have: PEFT knows all or none of a network"
        )
    return {
        "r": rank,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "target_modules": sorted(layers),
        "rank_pattern": {name: layer.rank for name, layer in layers.items() if layer.rank != rank},
        "alpha_pattern": {name: layer.alpha for name, layer in layers.items() if layer.alpha != alpha},
        **({} if without else {"use_dora": True}),
    }
