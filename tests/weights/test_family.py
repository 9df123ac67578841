"""What a file is: the families that people mix up, told apart by names and shapes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ldm.modules.embedding_manager import FORMAT
from ldm.weights.family import UNET, family_of
from ldm.weights.tensors import TensorFile

SD = {
    "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
    "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (4, 768),
}
TO_K = "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
XL_TEXT = "conditioner.embedders."
XL = f"{XL_TEXT}1.model.transformer.resblocks.9.mlp.c_proj.bias"


def file(shapes: dict[str, tuple[int, ...]], content: Any = None) -> TensorFile:
    tensors: dict[str, Tensor] = {name: torch.empty(shape) for name, shape in shapes.items()}
    return TensorFile(Path("a"), tensors, content=content)


CASES = [
    (SD, "model", "a Stable Diffusion 1.x"),
    (SD | {TO_K: (4, 1024)}, "model", "a Stable Diffusion 2.x"),
    (
        SD | {"model.diffusion_model.input_blocks.0.0.weight": (2, 9, 3, 3)},
        "model",
        "a Stable Diffusion 1.x for inpainting",
    ),
    (SD | {XL: (4,)}, "model", "a Stable Diffusion XL"),
    ({f"{XL_TEXT}1.model.ln_final.bias": (1280,)}, "model", "a Stable Diffusion XL"),
    ({f"{XL_TEXT}0.transformer.text_model.final_layer_norm.bias": (768,)}, "model", "a Stable Diffusion XL"),
    ({f"{XL_TEXT}0.model.ln_final.bias": (1280,)}, "model", "the refiner of Stable Diffusion XL"),
    ({f"{XL_TEXT}0.open_clip.model.ln_final.bias": (1024,)}, "model", "a model of another kind (conditioner"),
    (SD | {f"{UNET}label_emb.0.0.weight": (4, 2816)}, "model", "a Stable Diffusion XL"),
    (SD | {f"{UNET}label_emb.0.0.weight": (4, 2560)}, "model", "the refiner of Stable Diffusion XL"),
    (
        SD | {f"{UNET}input_blocks.0.0.weight": (2, 9, 3, 3), f"{UNET}label_emb.0.0.weight": (4, 2816)},
        "model",
        "a Stable Diffusion XL for inpainting",
    ),
    ({"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": (4, 8)}, "lora", "a LoRA in kohya's form"),
    ({"unet.mid_block.attentions.0.proj_in.lora_A.weight": (4, 8)}, "lora", "a LoRA in diffusers' form"),
    ({"lora_unet_x.hada_w1_a": (4, 8), "lora_unet_x.dora_scale": (4, 1)}, "lora", "a LyCORIS (LoHa)"),
    ({"lora_unet_x.lokr_w1": (4, 8)}, "lora", "a LyCORIS (LoKr)"),
    ({"lora_unet_x.on_input": (1,)}, "lora", "a LyCORIS (IA3)"),
    ({"lora_unet_x.oft_blocks": (2, 4, 4)}, "lora", "a LyCORIS (OFT)"),
    ({"lora_unet_x.lora_down.weight": (4, 8), "lora_unet_x.dora_scale": (4, 1)}, "lora", "a DoRA in kohya's form"),
    ({"unet.x.lora_A.weight": (4, 8), "unet.x.lora_magnitude_vector": (4,)}, "lora", "a DoRA in diffusers' form"),
    ({"emb_params": (2, 768)}, "embedding", "a textual inversion"),
    ({"<cat>": (768,)}, "embedding", "a textual inversion in diffusers' form"),
    ({"clip_l": (2, 768), "clip_g": (2, 1280)}, "embedding", "a textual inversion of Stable Diffusion XL"),
    ({"control_model.zero_convs.0.0.weight": (4, 4, 1, 1)}, "part", "a ControlNet"),
    ({"controlnet_cond_embedding.conv_in.weight": (4, 4, 1, 1)}, "part", "a ControlNet"),
    ({"first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3)}, "part", "a VAE"),
    ({"decoder.conv_in.weight": (128, 3, 3, 3)}, "part", "a VAE"),
    ({"down_blocks.0.resnets.0.conv1.weight": (4, 4, 3, 3)}, "part", "a UNet in diffusers' form"),
    ({"text_model.embeddings.token_embedding.weight": (4, 4)}, "part", "a text encoder"),
    ({"mean": (2, 4), "axes": (2, 3, 4), "sigma": (2, 3)}, "people", "a celeb basis"),
    ({"ids": (2,), "coefficients": (2, 2, 3)}, "people", "a file of people on a celeb basis"),
    ({"personalization.memory.total": (2, 3)}, "checkpoint", "a checkpoint of one of our runs (last.ckpt)"),
    (
        {f"weight.{n}": (4, 4, 3, 3) for n in range(9)},
        "unknown",
        "something unknown (weight.0, weight.1,",
    ),
    ({}, "unknown", "a file without tensors"),
]


@pytest.mark.parametrize(("shapes", "kind", "words"), CASES)
def test_families_are_told_apart(shapes: dict[str, tuple[int, ...]], kind: str, words: str) -> None:
    family = family_of(file(shapes))
    assert family.kind == kind
    assert family.words.startswith(words)


@pytest.mark.parametrize("mode", ["coefficient", "embedding", "image", "all"])
def test_people_are_told_by_what_their_file_says_of_itself(mode: Any) -> None:
    head = {"head.layers.0.weight": torch.empty(6, 7), "head.layers.0.bias": torch.empty(6)}
    people = {"ids": torch.empty(2), "coefficients": torch.empty(2, 2, 3), "embeddings": torch.empty(2, 2, 5)}
    held = {"image": head, "all": people | head}
    own = held.get(mode) or {name: people[name] for name in ("ids", f"{mode}s")}
    family = family_of(TensorFile(Path("a"), own, {"format": FORMAT}))
    assert (family.kind, family.words) == ("people", "a file of people on a celeb basis")


@pytest.mark.parametrize(
    "name", ["unet.a.lora_A.default.weight", "unet.conv_in.weight", "personalization.ids", "vae.encoder.conv_in.bias"]
)
def test_a_checkpoint_of_a_run_is_one_whatever_was_trained(name: str) -> None:
    content = {"pytorch-lightning_version": "2.6.0", "state_dict": {}}
    assert family_of(file({name: (4, 4)}, content)).kind == "checkpoint"
    for theirs in (SD, {"first_stage_model.encoder.conv_in.weight": (8, 3, 3, 3)}, {}):
        assert family_of(file(theirs, content)).kind != "checkpoint", "Lightning wrote those too"


def test_flux_is_none_of_ours() -> None:
    name = "model.diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale"
    assert family_of(file({name: (128,)})).words == "a model of another kind (flux-schnell)"


def test_pickled_people_and_inversions_are_told_by_what_is_beside_the_tensors() -> None:
    assert family_of(file({}, {"string_to_param": {}})).words == "a textual inversion in AUTOMATIC1111's form"
    assert family_of(file({}, {"id_coefficients": []})).words == "a file of people in CelebBasis's form"
