"""Stable Diffusion 2.x from its folder: another text encoder, other padding, and a UNet that predicts velocity."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ldm.weights.compvis import read_tokenizer
from ldm.weights.read import Parts, read_defaults, read_model, read_words
from ldm.weights.single import write_model
from tests.models.diffusion.conftest import CELEB, PEOPLE, fit
from tests.weights.pictures import pipeline
from tests.weights.sd1_files import random_networks, small_configs

TEXT: dict[str, Any] = {"hidden_act": "gelu", "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
UNET: dict[str, Any] = {"use_linear_projection": True, "upcast_attention": True}
CHANGES: dict[str, dict[str, Any]] = {
    "scheduler/scheduler_config.json": {"prediction_type": "v_prediction"},
    "tokenizer/tokenizer_config.json": {"pad_token": "!"},
}
"""What Stable Diffusion 2.1's configs have otherwise, whatever the widths."""

SIZES: dict[int, dict[str, dict[str, Any]]] = {
    48: {
        "unet/config.json": UNET | {"cross_attention_dim": 48, "attention_head_dim": [2, 4]},
        "text_encoder/config.json": TEXT | {"hidden_size": 48, "num_attention_heads": 3},
    },
    1024: {
        "unet/config.json": UNET
        | {
            "cross_attention_dim": 1024,
            "attention_head_dim": [1, 2, 4, 4],  # heads, in spite of the name; of 64 channels, as [5, 10, 20, 20]
            "block_out_channels": [64, 128, 256, 256],  # a fifth of its own
            "norm_num_groups": 32,
            "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
            "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        },
        # It ships 23 of OpenCLIP's 24 layers, so that the last one of the folder is the last but one of OpenCLIP.
        "text_encoder/config.json": TEXT
        | {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "projection_dim": 512},
    },
}
"""By the width of a token vector: a small one, and Stable Diffusion 2.1's own, with two layers in place of 23."""


@pytest.fixture(scope="module", params=[48, pytest.param(1024, marks=pytest.mark.slow)])
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def sd2(width: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from diffusers import DDPMScheduler

    like = small_configs(tmp_path_factory.mktemp("sd2") / "like")
    for name, changes in (CHANGES | SIZES[width]).items():
        file = like / name
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    scheduler = DDPMScheduler.from_pretrained(like / "scheduler", local_files_only=True)
    networks: dict[str, Any] = random_networks(like, torch.float32)
    own: dict[str, Any] = {"scheduler": scheduler, "defaults": read_defaults(like), "beside": like}
    return write_model(like.with_name("folder"), Parts(like, **networks, tokenizer=read_tokenizer(like), **own))


def test_it_is_read_by_the_same_path(sd2: Path, width: int) -> None:
    parts = read_model(sd2)
    assert parts.scheduler.config.prediction_type == "v_prediction"
    assert parts.text_encoder.config.hidden_act == "gelu"
    assert parts.unet.config.cross_attention_dim == width
    tokenizer, read = read_words(sd2)
    assert (tokenizer.pad_token, tokenizer.pad_token_id, read) == ("!", 0, width)


def test_it_draws_what_diffusers_draws(sd2: Path) -> None:
    """The prompt is padded with "!", and the sampler is told that the UNet predicts velocity."""
    from diffusers import DDIMScheduler

    from ldm.models.diffusion.ddpm import LatentDiffusion
    from ldm.models.diffusion.pipelines import PersonPipeline

    theirs = pipeline(sd2)
    theirs.scheduler = DDIMScheduler.from_config(theirs.scheduler.config)
    ours = PersonPipeline.of(LatentDiffusion(sd2).eval(), None, "ddim")
    drawn = [
        pipe("a photo of a cat", num_inference_steps=3, guidance_scale=4.0, output_type="np",
             generator=torch.Generator().manual_seed(3)).images[0]
        for pipe in (ours, theirs)
    ]  # fmt: skip
    assert np.abs(drawn[0] - drawn[1]).max() < 1 / 255
    assert drawn[0].std() > 0


def test_people_are_learned_on_it(sd2: Path, width: int) -> None:
    """One step of the celeb basis, with the published 512 axes where the width allows, and a picture of two steps."""
    from ldm.models.diffusion.ddpm import LatentDiffusion
    from ldm.models.diffusion.pipelines import PersonPipeline

    axes = min(512, width)
    stage = {**CELEB, "params": {"use_celeb": True, "n_components": axes}}
    options = {"personalization_config": PEOPLE, "face_backend": "yunet-sface"}
    model = LatentDiffusion(sd2, cond_stage_config=stage, **options)
    assert model.cond_stage_model.celeb_basis is not None
    assert model.cond_stage_model.celeb_basis.axes.shape == (2, axes, width)
    trained = {name: tensor.detach().clone() for name, tensor in model.trained_parameters().items()}
    fit(model)
    assert all(not tensor.equal(trained[name]) for name, tensor in model.trained_parameters().items())
    vectors = model.personalization.person_vectors(0)[None]
    assert vectors.shape == (1, 2, width)
    drawn = PersonPipeline.of(model, vectors, "ddim")(
        "a photo of sks", num_inference_steps=2, output_type="np", generator=torch.Generator().manual_seed(3)
    ).images
    assert drawn.shape == (1, 16, 16, 3)
    assert np.isfinite(drawn).all()
    assert drawn.std() > 0
