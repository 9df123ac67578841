"""LoRA files in kohya's form, read and written.

kohya's names have "_" for ".", so the way back asks a network for the names of its layers. Alpha is a tensor beside
each layer, and so are a DoRA's lengths, ``dora_scale``: (out, 1, ...), or (1, in, ...) where LyCORIS takes columns.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ldm.weights.compvis import LIKE_SD1, empty_networks
from ldm.weights.compvis_names import attended_blocks, unet_name
from ldm.weights.lora_layers import NETWORKS, Lora, LoraLayer, usual_alpha, usual_rank
from ldm.weights.modelspec import modelspec, write_safetensors
from ldm.weights.tensors import TensorFile

DOWN, UP, ALPHA, LENGTHS = "lora_down.weight", "lora_up.weight", "alpha", "dora_scale"


def from_kohya(file: TensorFile, like: Path = LIKE_SD1) -> dict[str, LoraLayer]:
    """The layers of a file by our names.

    Args:
        file: the file.
        like: a diffusers folder of the model it belongs to, for the names of its layers.

    Raises:
        ValueError: layers are not in that model, or tensors are there that are no part of a LoRA.
    """
    known, layers, unknown, odd = kohya_names(like), {}, [], []
    for stem, parts in by_layer(file.tensors).items():
        if not is_layer(parts):
            odd += [f"{stem}.{part}" for part in parts.keys() - {DOWN, UP, ALPHA, LENGTHS}] or [f"half of {stem}"]
        elif stem not in known:
            unknown.append(stem)
        else:
            layers[known[stem]] = layer_from(f"{file.path}: {stem}", parts)
    if odd:
        raise ValueError(f"{file.path}: {len(odd)} tensors belong to no layer of a LoRA, first {min(odd)}")
    if unknown:
        raise ValueError(
            f"{file.path}: {len(unknown)} of its {len(layers) + len(unknown)} layers are not in the model that {like} "
            f"describes, first {', '.join(sorted(unknown)[:4])}: is it a LoRA of another base? --like names one"
        )
    return layers


def by_layer(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """kohya's name of a layer -> its tensors by what stands behind the name."""
    found: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        stem, _, part = key.partition(".")
        found.setdefault(stem, {})[part] = tensor
    return found


def is_layer(parts: Mapping[str, Tensor]) -> bool:
    """Whether these are all the tensors of a layer, and no others."""
    return {DOWN, UP} <= parts.keys() <= {DOWN, UP, ALPHA, LENGTHS}


def layer_from(where: str, parts: Mapping[str, Tensor]) -> LoraLayer:
    """The layer that ``parts`` make; ``where`` they are from stands in errors."""
    down, up = parts[DOWN], parts[UP]
    alpha = float(parts[ALPHA]) if ALPHA in parts else float(down.shape[0])
    return LoraLayer(down, up, alpha, _lengths(where, parts[LENGTHS], int(up.shape[0])) if LENGTHS in parts else None)


def _lengths(where: str, stored: Tensor, outputs: int) -> Tensor:
    """The lengths (out,) that a ``dora_scale`` holds.

    Raises:
        ValueError: they are those of columns, which diffusers and PEFT have no place for.
    """
    if stored.shape[0] != outputs or stored.numel() != outputs:
        raise ValueError(
            f"{where}.{LENGTHS} is {tuple(stored.shape)}, lengths of the columns of a weight with {outputs} rows: "
            "diffusers and PEFT know DoRA by rows only (LyCORIS: wd_on_output)"
        )
    return stored.flatten()


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
            f"{stem}.{DOWN}": layer.down,
            f"{stem}.{UP}": layer.up,
            f"{stem}.{ALPHA}": torch.tensor(layer.alpha, dtype=layer.down.dtype),
        }
        if layer.magnitude is not None:
            tensors[f"{stem}.{LENGTHS}"] = layer.magnitude.view(-1, *(1 for _ in layer.shape[1:]))
    told = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(usual_rank(lora.layers)),
        "ss_network_alpha": str(usual_alpha(lora.layers)),
        "ss_base_model_version": {768: "sd_v1", 1024: "sd_v2"}.get(lora.width, "unknown"),
        "ss_v2": str(lora.width == 1024),
        "ss_output_name": path.stem,
    }
    return write_safetensors(path, tensors, modelspec(path.stem, lora.width, "/lora") | told | lora.metadata)
