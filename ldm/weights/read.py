"""A model's parts from its folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import yaml
from pydantic import Field
from torch import nn

from ldm.config.schema import complaint, signature_of

DEFAULTS = "defaults.yaml"
REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


@dataclass(frozen=True)
class ModelDefaults:
    """What depends on the model and stands in ``defaults.yaml`` beside its ``model_index.json``.

    Attributes:
        guidance_scale: strength of the prompt in sampling.
        num_inference_steps: steps of the sampler.
        celeb_txt: list of names that the model knows, the celeb basis's source; looked for in the model's folder, in
            the working directory, and in this repository.
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

    def celeb_txt(self) -> Path:
        """The list of names that goes with the model, see :func:`celeb_list`."""
        return celeb_list(self.folder, self.defaults)

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
        ValueError: weights are missing, unknown or of another shape; or tokenizer and text encoder do not fit together.
    """
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    folder = Path(folder)
    check_folder(folder)
    parts = Parts(
        folder=folder,
        unet=_whole(UNet2DConditionModel, folder / "unet", torch_dtype=dtype),
        vae=_whole(AutoencoderKL, folder / "vae", torch_dtype=dtype),
        text_encoder=_whole(CLIPTextModel, folder / "text_encoder", dtype=dtype),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
        scheduler=DDPMScheduler.from_pretrained(folder / "scheduler", local_files_only=True),
        defaults=read_defaults(folder),
    )
    vocabulary, rows = len(parts.tokenizer), parts.text_encoder.config.vocab_size
    if vocabulary != rows:
        raise ValueError(
            f"{folder}: the tokenizer has {vocabulary} entries, the text encoder {rows}; one of them is foreign"
        )
    return parts


def _whole(kind: Any, folder: Path, **options: Any) -> Any:
    """The network in ``folder``, of which every weight is the file's; the libraries would draw what is missing.

    Raises:
        ValueError: weights are missing, unknown or of another shape.
    """
    options |= {"local_files_only": True, "output_loading_info": True, "ignore_mismatched_sizes": True}
    network, info = kind.from_pretrained(folder, **options)
    shapes = [f"{name} {tuple(file)} instead of {tuple(model)}" for name, file, model in info["mismatched_keys"]]
    wrong = {"missing": info["missing_keys"], "unknown": info["unexpected_keys"], "of another shape": shapes}
    if faults := [f"{len(names)} {what}: {_first(names)}" for what, names in wrong.items() if names]:
        raise ValueError(f"the weights in {folder} are not those of its config.json ({'; '.join(faults)})")
    return network


def _first(names: Iterable[str], count: int = 3) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:count]) + (", ..." if len(ordered) > count else "")


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
    """The model's list of names: in its folder, else below the working directory, else in this repository.

    Raises:
        FileNotFoundError: it is in none of them; all three are named.
    """
    places = [folder, Path.cwd(), REPOSITORY]
    for place in places:
        if (path := place / defaults.celeb_txt).is_file():
            return path
    raise FileNotFoundError(
        f"the list of names that {folder} goes with, {defaults.celeb_txt}, is in none of "
        f"{', '.join(map(str, places))}: put one there, or name another by celeb_txt in cond_stage_config"
    )
