"""What a file of weights is: told by the names and shapes of its tensors."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ldm.modules.embedding_manager import FORMAT
from ldm.weights.tensors import TensorFile

UNET, VAE, CLIP = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
Kind = Literal["model", "lora", "embedding", "part", "people", "checkpoint", "unknown"]


@dataclass(frozen=True)
class Family:
    """What a file is.

    Attributes:
        kind: what can be done with it; a ``part`` is a network alone.
        words: what to call it in a message, with its article.
    """

    kind: Kind
    words: str


SD1 = Family("model", "a Stable Diffusion 1.x")
CHECKPOINT = Family("checkpoint", "a checkpoint of one of our runs (last.ckpt)")
OURS = ("personalization.", "unet.", "cond_stage_model.transformer.", "vae.", "discriminator.")
"""What all names in a run's checkpoint begin with; in CompVis's, which Lightning wrote too, there are others."""

MODELS = {
    "v1": SD1.words,
    "v2": "a Stable Diffusion 2.x",
    "inpainting": "a Stable Diffusion 1.x for inpainting",
    "inpainting_v2": "a Stable Diffusion 2.x for inpainting",
    "xl_base": "a Stable Diffusion XL",
    "xl_inpaint": "a Stable Diffusion XL for inpainting",
    "xl_refiner": "the refiner of Stable Diffusion XL",
    "playground-v2-5": "a Playground 2.5",
    "upscale": "a Stable Diffusion upscaler",
    "sd3": "a Stable Diffusion 3",
    "sd35_medium": "a Stable Diffusion 3.5",
    "sd35_large": "a Stable Diffusion 3.5",
}
"""Our words for what diffusers finds; its own names serve for the rest."""

CONDITIONER = "conditioner."
XL = {
    "xl_base": (f"{CONDITIONER}embedders.1.model.", f"{CONDITIONER}embedders.0.transformer."),
    "xl_refiner": (f"{CONDITIONER}embedders.0.model.",),
    "conditioner of another model": (CONDITIONER,),  # Stable Video Diffusion's, for one
}
"""Where Stability's generative-models keep their text encoders; the first that fits."""
XL_TOLD = {2816: "xl_base", 2560: "xl_refiner"}
"""By how many numbers its UNet is told beside the context: 1,280 of the text, and 256 for each of six sizes or five."""

Names = Collection[str]


def _any(*parts: str) -> Callable[[Names], bool]:
    return lambda names: any(part in name for name in names for part in parts)


def _starts(*prefixes: str) -> Callable[[Names], bool]:
    return lambda names: any(name.startswith(prefixes) for name in names)


RULES: tuple[tuple[Family, Callable[[Names], bool]], ...] = (
    (Family("lora", "a LyCORIS (LoHa)"), _any(".hada_w1")),
    (Family("lora", "a LyCORIS (LoKr)"), _any(".lokr_w1")),
    (Family("lora", "a LyCORIS (IA3)"), _any(".on_input")),
    (Family("lora", "a LyCORIS (OFT)"), _any(".oft_blocks", ".oft_diag")),
    (Family("lora", "a DoRA in kohya's form"), _any(".dora_scale")),
    (Family("lora", "a LoRA in kohya's form"), _any(".lora_down.weight", ".lora_up.weight")),
    (Family("lora", "a DoRA in diffusers' form"), _any(".lora_magnitude_vector")),
    (Family("lora", "a LoRA in diffusers' form"), _any(".lora_A", ".lora_B", ".lora.down", ".lora.up", "_lora.down")),
    (Family("embedding", "a textual inversion of Stable Diffusion XL"), lambda names: {"clip_l", "clip_g"} <= {*names}),
    (Family("embedding", "a textual inversion"), lambda names: {"emb_params"} == {*names}),
    (Family("part", "a ControlNet"), _starts("control_model.", "controlnet_cond_embedding.", "input_hint_block.")),
    (Family("people", "a celeb basis"), lambda names: {"mean", "axes"} <= {*names}),
    (Family("people", "a file of people on a celeb basis"), lambda names: {"ids"} <= {*names} and len(names) < 4),
    (CHECKPOINT, _starts("personalization.")),
)
"""Told by names alone, the first that fits; whole models are asked about afterwards."""

PARTS: tuple[tuple[Family, Callable[[Names], bool]], ...] = (
    (Family("part", "a VAE"), _starts("first_stage_model.", "encoder.conv_in.", "decoder.conv_in.")),
    (Family("part", "a UNet in diffusers' form"), _starts("down_blocks.", "mid_block.")),
    (Family("part", "a text encoder"), _starts("text_model.", "cond_stage_model.", "embeddings.token_embedding.")),
    (Family("part", "a UNet"), _starts(UNET, "input_blocks.")),
)


def family_of(file: TensorFile) -> Family:
    """What ``file`` is."""
    names = file.tensors
    content = file.content if isinstance(file.content, dict) else {}
    if "string_to_param" in content:
        return Family("embedding", "a textual inversion in AUTOMATIC1111's form")
    if {"id_coefficients", "id_embeddings", "meta_id_net"} & content.keys():
        return Family("people", "a file of people in CelebBasis's form")
    if file.metadata.get("format") == FORMAT:
        return Family("people", "a file of people on a celeb basis")
    if "pytorch-lightning_version" in content and names and all(name.startswith(OURS) for name in names):
        return CHECKPOINT
    for family, fits in RULES:
        if fits(names):
            return family
    if (_starts(UNET)(names) and _starts(VAE)(names)) or _starts(CONDITIONER)(names):
        found = _whole_type(names)
        return Family("model", MODELS.get(found, f"a model of another kind ({found})"))
    if found := _other_model(names):
        return Family("model", f"a model of another kind ({found})")
    for family, fits in PARTS:
        if fits(names):
            return family
    if 0 < len(names) <= 8 and all(tensor.ndim <= 2 for tensor in names.values()):
        return Family("embedding", "a textual inversion in diffusers' form")
    shown = ", ".join(sorted(names)[:3])
    return Family("unknown", f"something unknown ({shown}, ...)" if names else "a file without tensors")


def _whole_type(tensors: Mapping[str, Tensor]) -> str:
    """diffusers' word for a model of several networks, which it tells by a single tensor.

    Where a part of Stable Diffusion XL lacks that one, its other tensors tell; none of them is in Stable Diffusion 1.x.
    """
    found = _model_type(tensors)
    if found not in ("v1", "inpainting"):
        return found
    told = tensors.get(f"{UNET}label_emb.0.0.weight")
    large = next((kind for kind, prefixes in XL.items() if _starts(*prefixes)(tensors)), None)
    large = large or (XL_TOLD.get(told.shape[-1]) if told is not None else None)
    return "xl_inpaint" if (found, large) == ("inpainting", "xl_base") else large or found


def _model_type(tensors: Mapping[str, Tensor]) -> str:
    """diffusers' word for the model; it calls v1 what it does not know."""
    from diffusers.loaders.single_file_utils import infer_diffusers_model_type

    return str(infer_diffusers_model_type(tensors))


def _other_model(tensors: Mapping[str, Tensor]) -> str:
    """diffusers' word for a model of another family (Flux, Stable Diffusion 3, ...); empty if it knows none."""
    found = _model_type(tensors) if tensors else "v1"
    return "" if found == "v1" or found.startswith("controlnet") else found
