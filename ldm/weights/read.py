"""A model's parts, wherever its weights lie."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import yaml
from pydantic import Field
from torch import nn

from ldm.config.schema import complaint, signature_of
from ldm.weights.compvis import (
    LIKE_SD1,
    open_single,
    read_single,
    read_tokenizer,
    require_fit,
    width_of,
)
from ldm.weights.folder import read_folder
from ldm.weights.hub import hub_folder, is_hub_name

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
        sample_size_px: side of a picture, where it is another one than the UNet's own configuration says.
    """

    guidance_scale: Annotated[float, Field(ge=0)] = 10.0
    num_inference_steps: Annotated[int, Field(gt=0)] = 50
    celeb_txt: str = "infer_images/names.txt"
    sampler: str = "ddim"
    sample_size_px: Annotated[int, Field(gt=0)] | None = None


@dataclass
class Parts:
    """The networks and tables that make a Stable Diffusion.

    Attributes:
        folder: where they came from.
        defaults: see :class:`ModelDefaults`.
        beside: where tokenizer, schedule and defaults came from; for a single file it is another place.
    """

    folder: Path
    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    defaults: ModelDefaults
    beside: Path

    def __post_init__(self) -> None:
        """Have the UNet's configuration say the size that ``defaults`` says: samplers of diffusers look there.

        Raises:
            ValueError: the networks cannot halve this size as often as they do.
        """
        size = self.defaults.sample_size_px
        if size is None:
            return
        halved = self.downscale * 2 ** (len(self.unet.config.block_out_channels) - 1)
        if size % halved:
            raise ValueError(f"{DEFAULTS} of {self.beside}: sample_size_px {size} is no multiple of {halved}")
        self.unet.register_to_config(sample_size=size // self.downscale)

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
        return celeb_list(self.beside, self.defaults)

    def networks(self) -> dict[str, nn.Module]:
        """UNet, VAE and text encoder by name."""
        return {"unet": self.unet, "vae": self.vae, "text_encoder": self.text_encoder}


def check_folder(folder: Path) -> None:
    """Raise an error that says what is wrong when ``folder`` is no diffusers folder.

    Raises:
        FileNotFoundError: nothing there, a file, or a folder without its parts.
    """
    if not folder.exists():
        folders = [path.parent for path in folder.parent.glob("*/model_index.json")]
        files = [path for path in folder.parent.glob("*") if path.suffix in (".ckpt", ".safetensors")]
        near = ", ".join(path.as_posix() for path in sorted(folders + files))
        hint = f"; models beside it: {near}" if near else ""
        raise FileNotFoundError(
            f"there is no model at {folder}{hint}. The one that comes along is weights/embedded; `python -m ldm fetch` "
            "downloads others"
        )
    if missing := [name for name in ("model_index.json", *PARTS) if not (folder / name).exists()]:
        raise FileNotFoundError(f"{folder} is no complete diffusers folder: it lacks {', '.join(missing)}")


def find_model(source: Path | str) -> Path:
    """Where the weights of a model lie that is named by a folder, a single file, or its name on the hub.

    Raises:
        FileNotFoundError: it is none of these.
    """
    path = hub_folder(Path(source).as_posix()) if is_hub_name(source) else Path(source)
    if not path.is_file():
        check_folder(path)
    return path


def read_model(
    source: Path | str, dtype: torch.dtype | None = torch.float32, ema: bool = False, like: Path = LIKE_SD1
) -> Parts:
    """The parts of the Stable Diffusion in a diffusers folder, a single file (.ckpt, .safetensors), or on the hub.

    Args:
        source: the folder, the file, or the name OWNER/MODEL.
        dtype: of the weights; None keeps that of the files.
        ema: of a single file that holds averaged weights too, take those.
        like: what a single file lacks: a diffusers folder of the same architecture, with its tokenizer and defaults.

    Raises:
        FileNotFoundError: the model or one of its parts is missing.
        ValueError: weights are missing, unknown or of another shape; the file is of another family; or tokenizer and
            text encoder do not fit together.
    """
    from diffusers import DDPMScheduler

    place = find_model(source)
    if place.is_file():
        networks, beside = read_single(place, dtype, ema, like), like
    else:
        networks, beside = read_folder(place, dtype, ema), place
    tokenizer = read_tokenizer(beside)
    require_fit(tokenizer, networks["text_encoder"].config.vocab_size, place)
    scheduler = DDPMScheduler.from_pretrained(beside / "scheduler", local_files_only=True)
    own: dict[str, Any] = {"defaults": read_defaults(beside), "beside": beside}
    return Parts(place, **networks, tokenizer=tokenizer, scheduler=scheduler, **own)


def read_words(source: Path | str) -> tuple[Any, int]:
    """The tokenizer of a model, and the width D of its token vectors; no weight is read.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: the file is of another family.
    """
    place = find_model(source)
    if place.is_file():
        return read_tokenizer(LIKE_SD1), width_of(open_single(place))
    config = json.loads((place / "text_encoder" / "config.json").read_text(encoding="utf-8"))
    return read_tokenizer(place), int(config["hidden_size"])


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
