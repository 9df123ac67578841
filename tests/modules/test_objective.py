from types import SimpleNamespace

import pytest
import torch
from diffusers import DDPMScheduler
from torch import Tensor
from torch.nn import functional as F

from ldm.modules.objective import (
    DiffusionObjective,
    min_snr_weight,
    prior_preserving,
    signal_to_noise,
    training_target,
)
from ldm.randomness import generator

SCALED_LINEAR = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}


def scheduler(kind: str = "epsilon") -> DDPMScheduler:
    return DDPMScheduler(prediction_type=kind, **SCALED_LINEAR)


def abar() -> Tensor:
    """Written out: beta = linspace(sqrt(.00085), sqrt(.012), 1000) ** 2."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0)


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed))


TIMESTEPS = torch.tensor([0, 250, 600, 999])
PREDICTION, TARGET = draws(4, 4, 8, 8, seed=1), draws(4, 4, 8, 8, seed=2)
ERRORS = (PREDICTION - TARGET).square().flatten(1).mean(1)


def loss(objective: DiffusionObjective, kind: str = "epsilon", **options: Tensor) -> Tensor:
    return objective(PREDICTION, TARGET, TIMESTEPS, scheduler(kind), **options)


def test_the_plain_loss_is_the_mean_squared_error() -> None:
    torch.testing.assert_close(loss(DiffusionObjective()), F.mse_loss(PREDICTION, TARGET))


@pytest.mark.parametrize("weight", [1.0, 0.3, 0.0])
def test_prior_preservation_is_diffusers_dreambooth_loss(weight: float) -> None:
    model_pred, model_pred_prior = torch.chunk(PREDICTION, 2, dim=0)  # instance pictures first, as there
    target, target_prior = torch.chunk(TARGET, 2, dim=0)
    prior_loss = F.mse_loss(model_pred_prior.float(), target_prior.float(), reduction="mean")
    instance_loss = F.mse_loss(model_pred.float(), target.float(), reduction="mean")
    expected = instance_loss + weight * prior_loss
    is_prior = torch.tensor([False, False, True, True])
    objective = DiffusionObjective(prior_loss_weight=weight)
    torch.testing.assert_close(loss(objective, is_prior=is_prior), expected)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_prior_preservation_with_min_snr_is_diffusers_too(kind: str) -> None:
    is_prior = torch.tensor([False, False, True, True])
    alphas = abar()[TIMESTEPS].float()
    snr = (alphas.sqrt() / (1 - alphas).sqrt()) ** 2  # compute_snr of diffusers.training_utils
    base_weight = torch.stack([snr, 5.0 * torch.ones_like(snr)], dim=1).min(dim=1)[0] / snr
    weights = base_weight * snr / (snr + 1) if kind == "v_prediction" else base_weight
    expected = (weights * ERRORS)[:2].mean() + (weights * ERRORS)[2:].mean()
    torch.testing.assert_close(loss(DiffusionObjective(min_snr_gamma=5.0), kind, is_prior=is_prior), expected)


def test_prior_pictures_need_not_be_half_nor_last() -> None:
    per_sample = torch.tensor([1.0, 2.0, 4.0])
    mixed = prior_preserving(per_sample, torch.tensor([True, False, False]), 0.5)
    assert float(mixed) == pytest.approx(3.0 + 0.5)
    assert float(prior_preserving(per_sample, torch.zeros(3, dtype=torch.bool), 0.5)) == pytest.approx(7 / 3)
    assert float(prior_preserving(per_sample, torch.ones(3, dtype=torch.bool), 0.5)) == pytest.approx(7 / 6)


@pytest.mark.parametrize("gamma", [1.0, 5.0, 1e9])
def test_min_snr_weights_are_the_closed_forms(gamma: float) -> None:
    every = torch.arange(1000)
    snr = signal_to_noise(scheduler().alphas_cumprod, every)
    exact = abar() / (1 - abar())
    torch.testing.assert_close(snr.double(), exact, rtol=2e-3, atol=0)
    for kind, expected in (
        ("epsilon", torch.minimum(exact, torch.tensor(gamma)) / exact),
        ("v_prediction", torch.minimum(exact, torch.tensor(gamma)) / (exact + 1)),
    ):
        torch.testing.assert_close(min_snr_weight(snr, gamma, kind).double(), expected, rtol=3e-3, atol=0)


def test_min_snr_weights_the_loss_per_sample() -> None:
    exact = (abar() / (1 - abar()))[TIMESTEPS].float()
    for kind, weight in (("epsilon", exact.clamp(max=5) / exact), ("v_prediction", exact.clamp(max=5) / (exact + 1))):
        expected = (weight * ERRORS).mean()
        torch.testing.assert_close(loss(DiffusionObjective(min_snr_gamma=5.0), kind), expected, rtol=1e-3, atol=0)


def test_errors_are_weighted_where_the_loss_looks_in_pixels_or_latents() -> None:
    pixels = torch.rand(4, 1, 64, 64, generator=generator(3))
    shrunk = pixels.reshape(4, 1, 8, 8, 8, 8).mean((3, 5))
    expected = ((PREDICTION - TARGET).square() * shrunk).mean()
    torch.testing.assert_close(loss(DiffusionObjective(), loss_weight=pixels), expected)
    torch.testing.assert_close(loss(DiffusionObjective(), loss_weight=shrunk), expected)
    torch.testing.assert_close(loss(DiffusionObjective(), loss_weight=torch.ones(4, 1, 64, 64)), ERRORS.mean())


def test_nothing_is_learned_where_the_weight_is_zero() -> None:
    weight = torch.zeros(4, 1, 8, 8)
    weight[..., 2:4, 2:4] = 1
    prediction = PREDICTION.clone().requires_grad_()
    DiffusionObjective()(prediction, TARGET, TIMESTEPS, scheduler(), weight).backward()
    assert prediction.grad is not None
    assert prediction.grad[..., 2:4, 2:4].abs().min() > 0
    prediction.grad[..., 2:4, 2:4] = 0
    assert not prediction.grad.any()


def test_noise_is_drawn_on_the_cpu_from_its_generator_alone() -> None:
    latents = torch.zeros(2, 4, 8, 8, dtype=torch.bfloat16)
    torch.manual_seed(1)
    first = DiffusionObjective().noise(latents, generator(23, "noise", 0, 0))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    again = DiffusionObjective().noise(latents, generator(23, "noise", 0, 0))
    assert torch.equal(state, torch.get_rng_state())
    assert first.equal(again)
    assert first.dtype == torch.bfloat16
    torch.testing.assert_close(first.float(), draws_of((2, 4, 8, 8)), atol=1e-2, rtol=1e-2)


def draws_of(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=generator(23, "noise", 0, 0))


def test_the_noise_offset_is_constant_over_a_channel() -> None:
    latents = torch.zeros(500, 4, 4, 4)
    plain = DiffusionObjective().noise(latents, generator(5))
    shifted = DiffusionObjective(noise_offset=0.1).noise(latents, generator(5))
    offset = shifted - plain
    torch.testing.assert_close(offset, offset[..., :1, :1].expand_as(offset), atol=1e-6, rtol=0)
    assert float(offset[..., 0, 0].std()) == pytest.approx(0.1, rel=0.05)
    assert abs(float(offset[..., 0, 0].mean())) < 0.01


def test_targets_are_noise_or_velocity_computed_by_hand() -> None:
    latents, noise = draws(4, 4, 8, 8, seed=3), draws(4, 4, 8, 8, seed=4)
    assert training_target(scheduler("epsilon"), latents, noise, TIMESTEPS) is noise
    alphas = abar()[TIMESTEPS].float()[:, None, None, None]
    velocity = alphas.sqrt() * noise - (1 - alphas).sqrt() * latents
    target = training_target(scheduler("v_prediction"), latents, noise, TIMESTEPS)
    torch.testing.assert_close(target, velocity, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(target, scheduler().get_velocity(latents, noise, TIMESTEPS))


def test_other_prediction_types_are_refused() -> None:
    with pytest.raises(ValueError, match="prediction_type 'sample' of the model's scheduler is not trained here"):
        training_target(scheduler("sample"), TARGET, TARGET, TIMESTEPS)


def test_published_noise_schedule() -> None:
    published = scheduler().alphas_cumprod
    assert float(published[0]) == pytest.approx(0.99915, abs=1e-6)
    assert float(published[999]) == pytest.approx(0.0046600985, rel=1e-5)
    assert float(published[981]) == pytest.approx(0.0057755, rel=1e-4)


def test_the_loss_is_float32_whatever_comes_in() -> None:
    half = DiffusionObjective()(PREDICTION.bfloat16(), TARGET.bfloat16(), TIMESTEPS, scheduler())
    assert half.dtype == torch.float32
    exact = F.mse_loss(PREDICTION.bfloat16().float(), TARGET.bfloat16().float())
    torch.testing.assert_close(half, exact)
    assert isinstance(scheduler().config.prediction_type, str)


def test_it_needs_of_a_scheduler_only_its_schedule_and_kind() -> None:
    small = SimpleNamespace(alphas_cumprod=abar().float(), config=SimpleNamespace(prediction_type="epsilon"))
    objective = DiffusionObjective(min_snr_gamma=5.0)
    torch.testing.assert_close(objective(PREDICTION, TARGET, TIMESTEPS, small), loss(objective), rtol=1e-3, atol=0)


def test_no_step_waits_for_a_device_to_look_at_kinds() -> None:
    """Meta tensors have no values: looking at one would raise."""
    loss = prior_preserving(torch.zeros(3, device="meta"), torch.zeros(3, dtype=torch.bool, device="meta"), 0.5)
    assert loss.shape == ()


def test_a_batch_of_one_kind_has_a_gradient() -> None:
    per_sample = torch.tensor([1.0, 3.0], requires_grad=True)
    prior_preserving(per_sample, torch.zeros(2, dtype=torch.bool), 0.5).backward()  # type: ignore[no-untyped-call]
    assert per_sample.grad is not None
    assert per_sample.grad.tolist() == [0.5, 0.5]


def test_without_a_shift_all_timesteps_are_drawn_alike() -> None:
    drawn = DiffusionObjective().timesteps(1000, 1000, torch.Generator().manual_seed(3))
    assert drawn.equal(torch.randint(1000, (1000,), generator=torch.Generator().manual_seed(3)))


def test_a_shift_draws_more_of_high_noise() -> None:
    """Half of the draws lie above s / (1 + s) of the schedule, and none beyond its ends."""
    drawn = DiffusionObjective(timestep_shift=2.5).timesteps(20_000, 1000, torch.Generator().manual_seed(3))
    assert (drawn >= 0).all()
    assert (drawn < 1000).all()
    assert (drawn > 1000 * 2.5 / 3.5).float().mean() == pytest.approx(0.5, abs=0.02)
