from typing import Any

import pytest
import torch
from torch import Tensor

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.first_stage import encode
from ldm.randomness import generator
from tests.models.diffusion.conftest import (
    FINETUNE,
    PEOPLE,
    Make,
    a_batch,
    fit,
)


def test_the_loss_is_the_formula(make: Make) -> None:
    model, batch = make(FINETUNE), a_batch()
    batch["caption"] = ["a photo of a face", "tom hanks"]
    draws = generator(5)
    noise = torch.randn(2, 4, 8, 8, generator=draws)
    timesteps = torch.randint(1000, (2,), generator=draws)
    abar = model.noise_scheduler.alphas_cumprod[timesteps][:, None, None, None]
    noisy = abar.sqrt() * batch["latents"] + (1 - abar).sqrt() * noise
    velocity = abar.sqrt() * noise - (1 - abar).sqrt() * batch["latents"]  # the tiny weights predict v
    context = model.cond_stage_model.transformer(model.cond_stage_model.tokenize(batch["caption"]).ids)[0]
    expected = (model.unet(noisy, timesteps, context).sample - velocity).square().mean()
    torch.testing.assert_close(model.loss(batch, generator(5)), expected)


def test_the_loss_is_a_function_of_its_draws(make: Make) -> None:
    model, batch = make(FINETUNE, caption_dropout=0.5), a_batch()
    batch["caption"] = ["a photo of a face", "tom hanks"]
    torch.manual_seed(1)
    first = model.loss(batch, generator(5))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert model.loss(batch, generator(5)).equal(first)
    assert torch.equal(state, torch.get_rng_state()), "nothing is drawn from the global generator"
    assert not model.loss(batch, generator(6)).equal(first)


def test_steps_differ_and_can_be_repeated(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    loss = LatentDiffusion.loss

    def noted(model: LatentDiffusion, batch: Any, draws: torch.Generator) -> Tensor:
        seen.append((value := loss(model, batch, draws)).item())
        return value

    monkeypatch.setattr(LatentDiffusion, "loss", noted)
    for seed in (1, 2):
        torch.manual_seed(seed)
        fit(make(FINETUNE), 3, learning_rate=1e-9)
    assert seen[:3] == seen[3:]
    assert len(set(seen)) == 3


def test_weights_and_priors_of_the_batch_reach_the_loss(make: Make) -> None:
    model, batch = make(FINETUNE), a_batch()
    batch["caption"] = ["a photo of a face", "tom hanks"]
    plain = model.loss(batch, generator(5))
    doubled = model.loss({**batch, "loss_weight": torch.full((2, 1, 16, 16), 2.0)}, generator(5))
    torch.testing.assert_close(doubled, 2 * plain)
    first, second = (
        model.loss({**batch, "is_prior": torch.tensor(prior)}, generator(5)) for prior in ([True, False], [True, True])
    )
    torch.testing.assert_close(second, plain)
    torch.testing.assert_close(first, 2 * plain)


def test_pictures_are_encoded_and_latents_taken_as_they_are(make: Make) -> None:
    model, batch = make(FINETUNE), a_batch()
    assert model.encode_first_stage(batch, generator(0)) is batch["latents"]
    image = torch.rand(2, 3, 16, 16, generator=generator(4)) * 2 - 1
    encoded = model.encode_first_stage({"image": image}, generator(0))
    assert encoded.equal(encode(model.first_stage_model, image, generator(0)))
    assert not encoded.requires_grad


def test_gradient_checkpointing_changes_no_gradient(make: Make) -> None:
    gradients = []
    for checkpointing in (False, True):
        model = make(PEOPLE, gradient_checkpointing=checkpointing).train()
        model.unet.train()  # diffusers recomputes in training mode only
        assert model.unet.is_gradient_checkpointing == checkpointing
        model.loss(a_batch(), generator(5)).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.trained_parameters().values()]))
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-6, rtol=1e-4)
