"""A model from nothing: a diffusers folder with random weights, of the architecture that a config describes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ldm.files import write_json, write_text
from ldm.weights.text_start import start_text_side

MANY = 256
"""Prompts over which the pooled prompt is centred."""


def create_model(
    folder: Path, config: Mapping[str, Any], words: Sequence[str], vae_folder: Path, latent_std: float, seed: int = 23
) -> None:
    """Write a Stable Diffusion whose UNet and text encoder are random and whose first stage is trained already.

    Args:
        folder: where to.
        config: ``unet``, ``text_encoder`` and ``scheduler``, each the arguments of the diffusers or transformers class.
        words: what the tokenizer knows as single tokens, most important first.
        vae_folder: the trained first stage.
        latent_std: standard deviation of its latents: the scaling factor becomes its inverse.
        seed: of the random weights.
    """
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from ldm.data.vocabulary import write_tokenizer

    torch.manual_seed(seed)
    text = dict(config["text_encoder"])
    tokenizer = write_tokenizer(folder / "tokenizer", words, text["max_position_embeddings"])
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text |= special | {"pad_token_id": tokenizer.pad_token_id, "vocab_size": len(tokenizer)}
    text_encoder = CLIPTextModel(CLIPTextConfig(**text))
    unet = UNet2DConditionModel(**config["unet"])
    prompts = [f"a photo of {' '.join(pair)}" for pair in zip(words[-MANY:], words[-MANY - 1 :], strict=False)]
    ids = tokenizer(prompts, padding="max_length", max_length=text["max_position_embeddings"], return_tensors="pt")
    start_text_side(unet, text_encoder, ids.input_ids)
    text_encoder.save_pretrained(folder / "text_encoder")
    unet.save_pretrained(folder / "unet")

    vae = AutoencoderKL.from_pretrained(vae_folder, local_files_only=True)
    vae.register_to_config(scaling_factor=1.0 / latent_std)
    vae.save_pretrained(folder / "vae")
    scheduler = DDPMScheduler(**config["scheduler"])
    scheduler.save_pretrained(folder / "scheduler")
    write_json(folder / "model_index.json", model_index(type(scheduler).__name__))
    write_text(folder / "README.md", "Random weights: an untrained model.\n")


def model_index(scheduler: str) -> dict[str, Any]:
    """What diffusers reads first: which class each part is."""
    import diffusers

    return {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", scheduler],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
