"""Which weights a model starts from, and of which type the frozen ones are kept."""

from pathlib import Path

import pytest
import torch

from ldm.batch import Conditioning
from ldm.models.diffusion.ddpm import LatentDiffusion


def test_what_is_frozen_is_kept_in_the_asked_type_and_what_is_trained_in_full(tiny_model: Path) -> None:
    trains = {"target": "ldm.modules.finetune.FullFinetune"}
    model = LatentDiffusion(tiny_model, ckpt_dtype="bfloat16", personalization_config=trains)
    kinds = {parameter.requires_grad: parameter.dtype for parameter in model.parameters()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}
    frozen = LatentDiffusion(tiny_model, ckpt_dtype="bfloat16")
    noisy, context = torch.randn(1, 4, 8, 8), frozen.get_learned_conditioning(["a photo"])
    assert context.context.dtype == torch.bfloat16
    prediction = frozen.predict(noisy, torch.tensor([3]), context)
    assert prediction.dtype == torch.float32
    full = LatentDiffusion(tiny_model)
    same = Conditioning(context.context.float(), context.pooled.float())
    assert torch.allclose(full.predict(noisy, torch.tensor([3]), same), prediction, atol=0.1)


def test_averages_are_asked_of_the_file(tiny_model: Path) -> None:
    with pytest.raises(ValueError, match=r"only a single file holds averages \(EMA\) too"):
        LatentDiffusion(tiny_model, ckpt_ema=True)
