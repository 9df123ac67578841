"""LoRA files: diffusers' form (PEFT's names) to kohya's form and back, bit by bit.

kohya's names have "_" for ".", so the way back asks a network for the names of its layers. Its alpha is a tensor beside
each layer; diffusers keeps alphas and ranks in the file's header.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ldm.weights.compvis import LIKE_SD1, empty_networks
from ldm.weights.compvis_names import attended_blocks, unet_name
from ldm.weights.family import family_of
from ldm.weights.modelspec import modelspec, write_safetensors
from ldm.weights.tensors import TensorFile, read_tensors

SETTINGS = "lora_adapter_metadata"
"""Where diffusers looks for rank and alpha in a file's header."""
NETWORKS = {"unet": "lora_unet_", "text_encoder": "lora_te_"}


@dataclass(frozen=True)
class LoraLayer:
    """The change of one layer: scale * up @ down.

    Attributes:
        down: (r, in, ...), what PEFT calls A.
        up: (out, r, ...), what PEFT calls B.
        alpha: the scale is alpha / r.
    """

    down: Tensor
    up: Tensor
    alpha: float

    @property
    def rank(self) -> int:
        """How many directions the change has."""
        return int(self.down.shape[0])

    def change(self) -> Tensor:
        """What is added to the layer's weight, in float32."""
        flat = self.up.float().flatten(1) @ self.down.float().flatten(1)
        shape = (self.up.shape[0], *self.down.shape[1:])
        return (flat * (self.alpha / self.rank)).view(shape)


@dataclass(frozen=True)
class Lora:
    """A LoRA.

    Attributes:
        layers: by network and layer, ``unet.mid_block....to_q`` or ``text_encoder.encoder....q_proj``.
        metadata: of the file.
    """

    layers: dict[str, LoraLayer]
    metadata: dict[str, str]

    @property
    def width(self) -> int:
        """Of the text that the changed UNet attends to; 0 if that is not changed."""
        found = [
            layer.down.shape[1] for name, layer in self.layers.items() if name.endswith(("attn2.to_k", "attn2.to_v"))
        ]
        return int(found[0]) if found else 0


def read_lora(path: Path, like: Path = LIKE_SD1) -> Lora:
    """The LoRA in a file of either form.

    Args:
        path: the file.
        like: a diffusers folder of the model it belongs to, for the names of its layers.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no LoRA, of a kind that has no other form (LyCORIS, DoRA), or of another model's layers.
    """
    file = read_tensors(path)
    family = family_of(file)
    if family.kind != "lora" or "LyCORIS" in family.words:
        raise ValueError(f"{path} is {family.words}; a LoRA in kohya's or diffusers' form is needed here")
    if dora := [name for name in file.tensors if "dora_scale" in name or "lora_magnitude_vector" in name]:
        raise ValueError(
            f"{path} is a DoRA ({len(dora)} magnitudes, first {dora[0]}): programs do not agree on the axis of these, "
            "so it is not converted; merge it into a model instead"
        )
    layers = _from_kohya(file, like) if "kohya" in family.words else _from_diffusers(file)
    return Lora(layers, {key: value for key, value in file.metadata.items() if key not in (SETTINGS, "format")})


def is_kohya(path: Path) -> bool:
    """Whether the LoRA in a file has kohya's names."""
    return any(name.endswith(".lora_down.weight") for name in read_tensors(path).tensors)


def _from_diffusers(file: TensorFile) -> dict[str, LoraLayer]:
    settings = json.loads(file.metadata.get(SETTINGS, "{}"))
    tensors = in_peft_names(file.tensors)
    downs = {name: tensor for name, tensor in tensors.items() if name.endswith(".lora_A.weight")}
    if odd := sorted(tensors.keys() - downs.keys() - {name.replace("lora_A", "lora_B") for name in downs}):
        raise ValueError(f"{file.path}: {len(odd)} tensors belong to no layer of a LoRA, first {odd[0]}")
    layers = {}
    for key, down in downs.items():
        name = key.removesuffix(".lora_A.weight").replace("text_encoder.text_model.", "text_encoder.")
        up = tensors.get(key.replace("lora_A", "lora_B"))
        if up is None:
            raise ValueError(f"{file.path}: {key} has no lora_B beside it")
        layers[name] = LoraLayer(down, up, _alpha_of(name, int(down.shape[0]), settings))
    return layers


def in_peft_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same under PEFT's names; diffusers knows how its older versions called them."""
    from diffusers.utils import convert_state_dict_to_peft, convert_unet_state_dict_to_peft

    translate = {"unet": convert_unet_state_dict_to_peft, "text_encoder": convert_state_dict_to_peft}
    named = {key: tensor for key, tensor in tensors.items() if ".lora_A." in key or ".lora_B." in key}
    others = {key: tensor for key, tensor in tensors.items() if key not in named}
    for network, function in translate.items():
        old = {key.partition(".")[2]: others.pop(key) for key in list(others) if key.startswith(f"{network}.")}
        named |= {f"{network}.{key}": tensor for key, tensor in (function(old) if old else {}).items()}
    return named | others


def _alpha_of(name: str, rank: int, settings: Mapping[str, Any]) -> float:
    """The alpha that gives a layer's scale, alpha / rank; rsLoRA's is alpha / sqrt(rank)."""
    network, _, layer = name.partition(".")
    own = settings.get(f"{network}.alpha_pattern") or {}
    alpha = float(own.get(layer, settings.get(f"{network}.lora_alpha", rank)))
    return alpha * rank**0.5 if settings.get(f"{network}.use_rslora") else alpha


def _from_kohya(file: TensorFile, like: Path) -> dict[str, LoraLayer]:
    known, layers, unknown = kohya_names(like), {}, []
    for key, down in file.tensors.items():
        if not key.endswith(".lora_down.weight"):
            continue
        stem = key.removesuffix(".lora_down.weight")
        if stem not in known:
            unknown.append(stem)
            continue
        alpha = file.tensors.get(f"{stem}.alpha")
        scale = float(down.shape[0]) if alpha is None else float(alpha)
        layers[known[stem]] = LoraLayer(down, file.tensors[f"{stem}.lora_up.weight"], scale)
    if unknown:
        raise ValueError(
            f"{file.path}: {len(unknown)} of its {len(layers) + len(unknown)} layers are not in the model that {like} "
            f"describes, first {', '.join(sorted(unknown)[:4])}: is it a LoRA of another base? --like names one"
        )
    return layers


def kohya_names(like: Path) -> dict[str, str]:
    """kohya's name -> ours for every layer that a LoRA may change; CompVis's names of the UNet's layers too."""
    names = {}
    networks = empty_networks(like)
    attended, depth = attended_blocks(networks["unet"]), int(networks["unet"].config.layers_per_block)
    for network in NETWORKS:
        for name, module in networks[network].named_modules():
            if not isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
                continue
            names[kohya_name(f"{network}.{name}")] = f"{network}.{name}"
            if network == "unet":
                theirs = unet_name(f"{name}.", depth, attended).rstrip(".")
                names[NETWORKS[network] + theirs.replace(".", "_")] = f"{network}.{name}"
            else:
                names[kohya_name(f"{network}.{name}").replace("lora_te_", "lora_te1_")] = f"{network}.{name}"
    return names


def kohya_name(name: str) -> str:
    """``lora_unet_mid_block_..._to_q`` for ``unet.mid_block....to_q``; CLIP's layers lie in ``text_model`` there."""
    network, _, layer = name.partition(".")
    return NETWORKS[network] + ("text_model_" if network == "text_encoder" else "") + layer.replace(".", "_")


def write_kohya(path: Path, lora: Lora) -> Path:
    """kohya's form, with the ``ss_`` entries and ModelSpec by which other programs know what it is."""
    tensors: dict[str, Tensor] = {}
    for name, layer in lora.layers.items():
        stem = kohya_name(name)
        tensors |= {
            f"{stem}.lora_down.weight": layer.down,
            f"{stem}.lora_up.weight": layer.up,
            f"{stem}.alpha": torch.tensor(layer.alpha, dtype=layer.down.dtype),
        }
    rank, alpha = _usual(lora, "rank"), _usual(lora, "alpha")
    told = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(int(rank)),
        "ss_network_alpha": str(alpha),
        "ss_base_model_version": {768: "sd_v1", 1024: "sd_v2"}.get(lora.width, "unknown"),
        "ss_v2": str(lora.width == 1024),
        "ss_output_name": path.stem,
    }
    return write_safetensors(path, tensors, modelspec(path.stem, lora.width, "/lora") | told | lora.metadata)


def write_diffusers_lora(path: Path, lora: Lora) -> Path:
    """diffusers' form, for ``load_lora_weights``; what a kohya file says of itself comes along."""
    tensors: dict[str, Tensor] = {}
    settings: dict[str, Any] = {}
    for name, layer in lora.layers.items():
        key = name.replace("text_encoder.", "text_encoder.text_model.", 1)
        tensors |= {f"{key}.lora_A.weight": layer.down, f"{key}.lora_B.weight": layer.up}
    for network in NETWORKS:
        own = {name.partition(".")[2]: layer for name, layer in lora.layers.items() if name.startswith(f"{network}.")}
        if own:
            settings |= {f"{network}.{key}": value for key, value in _peft_settings(own).items()}
    metadata = (
        modelspec(path.stem, lora.width, "/lora") | lora.metadata | {SETTINGS: json.dumps(settings, sort_keys=True)}
    )
    return write_safetensors(path, tensors, metadata)


def _peft_settings(layers: Mapping[str, LoraLayer]) -> dict[str, Any]:
    """What PEFT is told: the usual rank and alpha, and the layers that have others."""
    lora = Lora(dict(layers), {})
    rank, alpha = int(_usual(lora, "rank")), _usual(lora, "alpha")
    return {
        "r": rank,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "target_modules": sorted(layers),
        "rank_pattern": {name: layer.rank for name, layer in layers.items() if layer.rank != rank},
        "alpha_pattern": {name: layer.alpha for name, layer in layers.items() if layer.alpha != alpha},
    }


def _usual(lora: Lora, what: str) -> float:
    return float(Counter(getattr(layer, what) for layer in lora.layers.values()).most_common(1)[0][0])
