"""A model's parts from its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import yaml
from pydantic import Field
from torch import nn

from ldm.config.schema import complaint, signature_of

DEFAULTS = "defaults.yaml"
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


@dataclass(frozen=True)
class ModelDefaults:
    """What depends on the model and stands in ``defaults.yaml`` beside its ``model_index.json``.

    Attributes:
        guidance_scale: strength of the prompt in sampling.
        num_inference_steps: steps of the sampler.
        celeb_txt: list of names that the model knows, the celeb basis's source; relative to the model's folder if it
            lies there, otherwise to the working directory.
        sampler: ddim, dpm++, euler, pndm or ddpm.
    """

    guidance_scale: Annotated[float, Field(ge=0)] = 10.0
    num_inference_steps: Annotated[int, Field(gt=0)] = 50
    celeb_txt: str = "infer_images/names.txt"
    sampler: str = "ddim"


@dataclass
class Parts:
    """The networks and tables that make a Stable Diffusion.

    Attributes:
        folder: where they came from.
        defaults: see :class:`ModelDefaults`.
    """

    folder: Path
    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    defaults: ModelDefaults

    @property
    def sample_size_px(self) -> int:
        """Side of a picture in pixels."""
        return int(self.unet.config.sample_size) * self.downscale

    @property
    def downscale(self) -> int:
        """Pixels per latent position."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    def networks(self) -> dict[str, nn.Module]:
        """UNet, VAE and text encoder by name."""
        return {"unet": self.unet, "vae": self.vae, "text_encoder": self.text_encoder}


def check_folder(folder: Path) -> None:
    """Raise an error that says what is wrong when ``folder`` is no diffusers folder.

    Raises:
        FileNotFoundError: nothing there, a file, or a folder without its parts.
    """
    if not folder.exists():
        near = sorted(p.parent.as_posix() for p in folder.parent.glob("*/model_index.json"))
        hint = f"; models beside it: {', '.join(near)}" if near else ""
        raise FileNotFoundError(f"there is no model at {folder}{hint}. The one that comes along is weights/embedded")
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is a file; a diffusers folder (with model_index.json) is needed here")
    if missing := [name for name in ("model_index.json", *PARTS) if not (folder / name).exists()]:
        raise FileNotFoundError(f"{folder} is no complete diffusers folder: it lacks {', '.join(missing)}")


def read_model(folder: Path | str, dtype: torch.dtype = torch.float32) -> Parts:
    """The parts of the Stable Diffusion in a diffusers ``folder``.

    Raises:
        FileNotFoundError: the folder or one of its parts is missing.
        ValueError: the tokenizer and the text encoder do not fit together.
    """
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    folder = Path(folder)
    check_folder(folder)
    local = {"local_files_only": True}
    parts = Parts(
        folder=folder,
        unet=UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=dtype, **local),
        vae=AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=dtype, **local),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=dtype, **local),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer", **local),
        scheduler=DDPMScheduler.from_pretrained(folder / "scheduler", **local),
        defaults=read_defaults(folder),
    )
    vocabulary, rows = len(parts.tokenizer), parts.text_encoder.config.vocab_size
    if vocabulary != rows:
        raise ValueError(
            f"{folder}: the tokenizer has {vocabulary} entries, the text encoder {rows}; one of them is foreign"
        )
    return parts


def read_defaults(folder: Path) -> ModelDefaults:
    """``defaults.yaml`` of a model folder; a folder without one gets the values of Stable Diffusion 1.x.

    Raises:
        ValueError: the file is no mapping, or holds an unknown key or a value that cannot be; all are listed.
    """
    path = folder / DEFAULTS
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.is_file() else {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(given, dict):
        raise ValueError(f"{path} is not a mapping of key: value")
    known = signature_of(ModelDefaults).parameters
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"{path}: unknown keys {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    if wrong := [f"{key}: {what}" for key, value in given.items() if (what := complaint(known[key], value))]:
        raise ValueError(f"{path}: {'; '.join(wrong)}")
    return ModelDefaults(**given)


def celeb_list(folder: Path, defaults: ModelDefaults) -> Path:
    """The model's list of names: in its folder if it lies there, otherwise relative to the working directory."""
    inside = folder / defaults.celeb_txt
    return inside if inside.is_file() else Path(defaults.celeb_txt)
