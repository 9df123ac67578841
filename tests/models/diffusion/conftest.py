"""Models on the tiny weights, and batches for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ldm.batch import Batch
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.randomness import generator

FINETUNE = {"target": "ldm.modules.finetune.FullFinetune"}
FINETUNE_BOTH = {**FINETUNE, "params": {"train_text_encoder": True}}
FINETUNE_TEXT = {**FINETUNE, "params": {"train_unet": False, "train_text_encoder": True}}
PEOPLE = {
    "target": "ldm.modules.embedding_manager.EmbeddingManagerId",
    "params": {"placeholder_strings": ["sks", "ks"], "max_ids": 3},
}
BOTH = {"target": "ldm.modules.personalization.Chain", "params": {"parts": [FINETUNE_TEXT, PEOPLE]}}
LORA = {"target": "ldm.modules.lora.LoraAdapter", "params": {"rank": 2}}
LORA_BOTH = {**LORA, "params": {"rank": 2, "train_text_encoder": True}}
TOKENS = {
    "target": "ldm.modules.textual_inversion.TextualInversion",
    "params": {"placeholder_strings": ["sks", "ks"], "initializer_words": ["person", "face"], "num_vectors": 2},
}
PIVOTAL = {"target": "ldm.modules.personalization.Chain", "params": {"parts": [TOKENS, LORA]}}
CELEB = {"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder", "params": {"use_celeb": True}}

Make = Callable[..., LatentDiffusion]


@pytest.fixture(scope="session")
def make(tiny_model: Path) -> Make:
    """A model on the tiny weights, trained as a config node says."""

    def build(personalization: Any = None, **options: Any) -> LatentDiffusion:
        text = CELEB if personalization in (PEOPLE, BOTH) else None
        known = {"face_backend": "yunet-sface", "cond_stage_config": text, "personalization_config": personalization}
        return LatentDiffusion(tiny_model, **(known | options))

    return build


def faces(*people: int) -> torch.Tensor:
    """Unit vectors, one a person."""
    return F.normalize(torch.stack([torch.randn(128, generator=generator(50 + who)) for who in people]), dim=-1)


def a_batch(size: int = 2) -> Batch:
    """Latents of two people side by side and of one."""
    return {
        "latents": torch.randn(size, 4, 8, 8, generator=generator(1)),
        "caption": ["a photo of sks and ks", "a photo of sks"][:size],
        "faces": torch.stack([faces(0, 1), faces(1, 0)])[:size],
        "ids": torch.tensor([[0, 1], [1, -1]])[:size],
    }


def fit(model: LatentDiffusion, steps: int = 1, learning_rate: float = 1e-2) -> pl.Trainer:
    """Train on the same batch."""
    model.learning_rate = learning_rate
    trainer = pl.Trainer(
        max_steps=steps, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, DataLoader([a_batch()] * steps, batch_size=None))
    return trainer
