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
from tests.weights.pictures import pipeline
from tests.weights.sd1_files import random_networks, small_configs

CHANGES: dict[str, dict[str, Any]] = {
    "unet/config.json": {"cross_attention_dim": 48, "use_linear_projection": True, "attention_head_dim": [2, 4]},
    "text_encoder/config.json": {"hidden_size": 48, "num_attention_heads": 3, "hidden_act": "gelu", "pad_token_id": 1},
    "scheduler/scheduler_config.json": {"prediction_type": "v_prediction"},
    "tokenizer/tokenizer_config.json": {"pad_token": "!"},
}
"""What Stable Diffusion 2.1's configs have otherwise; its text encoder is 1,024 wide, ours 48."""


@pytest.fixture(scope="module")
def sd2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from diffusers import DDPMScheduler

    like = small_configs(tmp_path_factory.mktemp("sd2") / "like")
    for name, changes in CHANGES.items():
        file = like / name
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    scheduler = DDPMScheduler.from_pretrained(like / "scheduler", local_files_only=True)
    networks: dict[str, Any] = random_networks(like, torch.float32)
    parts = Parts(like, **networks, tokenizer=read_tokenizer(like), scheduler=scheduler, defaults=read_defaults(like))
    return write_model(like.with_name("folder"), parts)


def test_it_is_read_by_the_same_path(sd2: Path) -> None:
    parts = read_model(sd2)
    assert parts.scheduler.config.prediction_type == "v_prediction"
    assert parts.text_encoder.config.hidden_act == "gelu"
    tokenizer, width = read_words(sd2)
    assert (tokenizer.pad_token, tokenizer.pad_token_id, width) == ("!", 0, 48)


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


def test_people_are_learned_on_it(sd2: Path) -> None:
    from ldm.models.diffusion.ddpm import LatentDiffusion

    stage = {"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder", "params": {"use_celeb": True}}
    model = LatentDiffusion(sd2, cond_stage_config=stage)
    assert model.cond_stage_model.celeb_basis is not None
    assert model.cond_stage_model.celeb_basis.width == 48
