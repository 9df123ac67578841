"""Single files of Stable Diffusion 1.x (CompVis's layout): .ckpt and .safetensors.

Such a file holds weights only. The configs of its parts and the tokenizer come from ``sd1/`` beside this file, or from
another diffusers folder of the same architecture. The names are translated by diffusers' own functions.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ldm.weights.family import CLIP, SD1, UNET, VAE, family_of
from ldm.weights.tensors import TensorFile, read_tensors

LIKE_SD1 = Path(__file__).with_name("sd1")
AVERAGES = "model_ema.diffusion_model"
PREFIXES = {"unet": UNET, "vae": VAE, "text_encoder": CLIP}
POSITIONS = f"{CLIP}text_model.embeddings.position_ids"
"""0, 1, 2, ...: older files store them."""
VOCABULARY = 49_408
"""Entries of CLIP's tokenizer."""


def read_single(
    path: Path, dtype: torch.dtype | None = torch.float32, ema: bool = False, like: Path = LIKE_SD1
) -> dict[str, Any]:
    """The networks (``unet``, ``vae``, ``text_encoder``) in a single file.

    The weights stay where they are, mapped from the disk, if they have the wanted type already.

    Args:
        path: the file.
        dtype: of the weights; None keeps the file's.
        ema: take the averaged weights of the UNet, where the file holds both.
        like: a diffusers folder of the same architecture, of which only the configs are read.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is truncated, of another family, a pickle that would run code, lacks weights, or has no averages.
    """
    file = open_single(path, like)
    networks = {}
    for name, network in empty_networks(like).items():
        state = _part_of(file, name, network, ema and name == "unet")
        networks[name] = fill(network, state, dtype, f"{path} ({name})")
    return networks


def open_single(path: Path, like: Path = LIKE_SD1) -> TensorFile:
    """A single file, of which no weight is read yet.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is truncated, of another family than ``like``, or a pickle that would run code.
    """
    file = read_tensors(path)
    family = family_of(file)
    if family != SD1 and (like == LIKE_SD1 or not any(name.startswith(UNET) for name in file.tensors)):
        raise ValueError(
            f"{path} is {family.words}; a single file of Stable Diffusion 1.x is needed here. Other models are read "
            "from a diffusers folder"
        )
    return file


def width_of(file: TensorFile) -> int:
    """Numbers in a token vector, D, of a single file."""
    name = f"{CLIP}text_model.embeddings.token_embedding.weight"
    if name not in file.tensors:
        raise ValueError(f"{file.path} lacks its text encoder ({name})")
    return int(file.tensors[name].shape[1])


def empty_networks(like: Path) -> dict[str, Any]:
    """The networks that the configs in ``like`` describe, without memory for their weights."""
    from accelerate import init_empty_weights
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with init_empty_weights(include_buffers=False):
        networks = {
            "unet": UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(like / "unet")),
            "vae": AutoencoderKL.from_config(AutoencoderKL.load_config(like / "vae")),
            "text_encoder": CLIPTextModel(CLIPTextConfig.from_pretrained(like / "text_encoder")),
        }
    return {name: network.eval() for name, network in networks.items()}


def _part_of(file: TensorFile, name: str, network: Any, ema: bool) -> dict[str, Tensor]:
    """The part ``name`` of a file in diffusers' names.

    Raises:
        ValueError: the file holds weights that have no place there, or averages are wanted of which it has none.
    """
    if ema and not any(key.startswith(AVERAGES) for key in file.tensors):
        raise ValueError(f"{file.path} holds no averaged weights (EMA): take the plain ones")
    state = state_of(file.tensors, name, network.config, ema)
    given = [key for key in file.tensors if key.startswith(PREFIXES[name]) and key != POSITIONS]
    if len(state) < len(given):
        raise ValueError(
            f"{file.path}: {len(given) - len(state)} of the {len(given)} weights of its {name} have no place in this "
            "architecture: is it another model, or does --like name the wrong one?"
        )
    return state


def state_of(tensors: Mapping[str, Tensor], part: str, config: Any, ema: bool = False) -> dict[str, Tensor]:
    """The weights of one part among ``tensors`` (in CompVis's names) in diffusers' names."""
    from diffusers.loaders import single_file_utils as diffusers

    given = {key: tensor for key, tensor in tensors.items() if key.startswith(PREFIXES[part]) and key != POSITIONS}
    if part == "unet":
        if ema:
            given = {key: tensors[average] for key in given if (average := average_of(key)) in tensors}
        converted = diffusers.convert_ldm_unet_checkpoint(given, config)
    elif part == "vae":
        converted = diffusers.convert_ldm_vae_checkpoint(given, config)
    else:
        plain = diffusers.convert_ldm_clip_checkpoint(given)
        converted = {key.removeprefix("text_model."): tensor for key, tensor in plain.items()}
    return {key: tensor for key, tensor in converted.items() if tensor is not None}


def average_of(name: str) -> str:
    """CompVis's name for the running average of the UNet's weight ``name``."""
    return "model_ema." + name.removeprefix("model.").replace(".", "")


def fill(network: Any, state: Mapping[str, Tensor], dtype: torch.dtype | None, where: str) -> Any:
    """``network`` with the weights of ``state``, each of which it must have, in ``dtype`` (None: as they are).

    Raises:
        ValueError: weights are missing, unknown or of another shape.
    """
    wanted = network.state_dict()
    both = wanted.keys() & state.keys()
    shapes = [name for name in both if wanted[name].shape != state[name].shape]
    told = [f"{name} {tuple(state[name].shape)} instead of {tuple(wanted[name].shape)}" for name in shapes]
    wrong = {"missing": wanted.keys() - state.keys(), "unknown": state.keys() - wanted.keys(), "of another shape": told}
    require_none(wrong, f"the weights of {where} are not those of its architecture")
    network.load_state_dict({name: tensor.to(dtype or tensor.dtype) for name, tensor in state.items()}, assign=True)
    return network


def require_none(wrong: Mapping[str, Iterable[str]], what: str) -> None:
    """Nothing, if no weight is wrong in any way.

    Raises:
        ValueError: ``what``, and how many weights are how, with the first names.
    """
    faults = []
    for how, names in wrong.items():
        if ordered := sorted(names):
            faults.append(f"{len(ordered)} {how}: {', '.join(ordered[:3])}{', ...' if len(ordered) > 3 else ''}")
    if faults:
        raise ValueError(f"{what} ({'; '.join(faults)})")


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer in a diffusers folder."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)


def require_fit(tokenizer: Any, rows: int, where: Path) -> None:
    """Nothing, if the tokenizer has an entry for each of the text encoder's ``rows``.

    Raises:
        ValueError: it has more or fewer.
    """
    if len(tokenizer) != rows:
        raise ValueError(
            f"{where}: the tokenizer has {len(tokenizer)} entries, the text encoder {rows}; one of them is foreign"
        )
