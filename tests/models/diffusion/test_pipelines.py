from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, PNDMScheduler, StableDiffusionPipeline

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.diffusion.pipelines import PersonPipeline, make_scheduler
from ldm.modules.placeholders import PlaceholderError, PromptTooLongError
from ldm.randomness import generator
from tests.models.diffusion.conftest import PEOPLE, Make

SD1 = {
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000,
    "set_alpha_to_one": False, "steps_offset": 1, "skip_prk_steps": True,
}  # fmt: skip
SAMPLERS = ["ddim", "dpm++", "euler", "pndm", "ddpm"]


@pytest.fixture(scope="module")
def model(make: Make) -> LatentDiffusion:
    return make(PEOPLE)


@pytest.fixture(scope="module")
def pipeline(model: LatentDiffusion) -> PersonPipeline:
    vectors = torch.randn(2, 2, 32, generator=generator(0)) * 0.1
    pipeline = PersonPipeline.of(model, vectors)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw(pipeline: Any, prompt: Any, seeds: list[int], **options: Any) -> np.ndarray:
    """(N, H, W, 3) in [0, 1]."""
    draws = [torch.Generator().manual_seed(seed) for seed in seeds]
    defaults = {"num_inference_steps": 4, "guidance_scale": 4.0, "output_type": "np"}
    return pipeline(prompt=prompt, generator=draws, **(defaults | options)).images


# --- samplers


@pytest.fixture(params=["a folder as we write it", "a folder of SD 1.x"])
def trained_with(request: pytest.FixtureRequest, tmp_path: Path) -> DDPMScheduler:
    (DDPMScheduler if "we" in request.param else PNDMScheduler)(
        **{name: value for name, value in SD1.items() if "we" not in request.param or name in DDPMScheduler().config}
    ).save_pretrained(tmp_path)
    return DDPMScheduler.from_pretrained(tmp_path)


def test_ddim_takes_the_published_steps(trained_with: DDPMScheduler) -> None:
    ddim = make_scheduler("ddim", trained_with)
    ddim.set_timesteps(50)
    assert ddim.timesteps.tolist() == list(range(981, 0, -20))
    assert float(ddim.alphas_cumprod[981]) == pytest.approx(0.0057755, rel=1e-4)
    assert ddim.final_alpha_cumprod == ddim.alphas_cumprod[0], "set_alpha_to_one is false"
    assert ddim.config.clip_sample is False


def test_ddim_steps_as_the_published_sampler(trained_with: DDPMScheduler) -> None:
    """x' = sqrt(abar') x0 + sqrt(1 - abar') eps, with abar' of the step before, at last abar_0."""
    ddim = make_scheduler("ddim", trained_with)
    ddim.set_timesteps(50)
    latents, eps = torch.randn(1, 4, 4, 4, generator=generator(1)) * 3, torch.randn(1, 4, 4, 4, generator=generator(2))
    for step, before in ((981, 961), (21, 1), (1, 0)):
        now, then = ddim.alphas_cumprod[step], ddim.alphas_cumprod[before]
        clean = (latents - (1 - now).sqrt() * eps) / now.sqrt()
        expected = then.sqrt() * clean + (1 - then).sqrt() * eps
        torch.testing.assert_close(ddim.step(eps, step, latents).prev_sample, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_has_the_models_noise_and_prediction(sampler: str) -> None:
    trained = DDPMScheduler(prediction_type="v_prediction", beta_schedule="scaled_linear", clip_sample=True)
    made = make_scheduler(sampler, trained)
    assert made.config.prediction_type == "v_prediction"
    torch.testing.assert_close(made.alphas_cumprod, trained.alphas_cumprod)
    if sampler in ("ddim", "ddpm"):
        assert made.config.clip_sample is False, "latents reach beyond 1"


def test_an_unknown_sampler_is_answered_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"sampler 'plms': there are ddim, dpm\+\+, euler, pndm, ddpm"):
        make_scheduler("plms", DDPMScheduler())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_draws_a_picture(model: LatentDiffusion, sampler: str) -> None:
    pipeline = PersonPipeline.of(model, torch.zeros(1, 2, 32), sampler)
    pipeline.set_progress_bar_config(disable=True)
    images = draw(pipeline, ["a photo of sks"] * 2, [1, 2])
    assert images.shape == (2, 16, 16, 3)
    assert np.isfinite(images).all()
    assert images.std() > 0.01
    assert np.abs(images[0] - images[1]).max() > 0.01


# --- pictures


def test_without_people_it_is_the_plain_pipeline(pipeline: PersonPipeline, tiny_model: Path) -> None:
    plain = StableDiffusionPipeline.from_pretrained(tiny_model, safety_checker=None)
    plain.scheduler = DDIMScheduler.from_config(plain.scheduler.config, set_alpha_to_one=False, clip_sample=False)
    plain.set_progress_bar_config(disable=True)
    prompts = ["a photo of tom hanks", "a smiling face"]
    for options in ({}, {"negative_prompt": ["a dark photo"] * 2}, {"guidance_scale": 1.0}, {"guidance_scale": 7.5}):
        np.testing.assert_allclose(
            draw(pipeline, prompts, [1, 2], **options), draw(plain, prompts, [1, 2], **options), atol=1e-5
        )


def test_the_placeholders_are_the_people(pipeline: PersonPipeline, model: LatentDiffusion) -> None:
    assert pipeline.people is not None
    swapped = PersonPipeline.of(model, pipeline.people.flip(0))
    swapped.set_progress_bar_config(disable=True)
    first = draw(pipeline, "a photo of sks and ks", [1])
    np.testing.assert_allclose(draw(swapped, "a photo of ks and sks", [1]), first, atol=1e-5)
    assert np.abs(draw(swapped, "a photo of sks and ks", [1]) - first).max() > 1e-3


def test_a_picture_depends_on_its_own_seed_only(pipeline: PersonPipeline) -> None:
    together = draw(pipeline, ["a photo of sks", "ks"], [1, 2])
    for row, prompt in enumerate(("a photo of sks", "ks")):
        np.testing.assert_allclose(draw(pipeline, prompt, [row + 1])[0], together[row], atol=1 / 255)


def test_several_pictures_of_a_prompt_lie_together(pipeline: PersonPipeline) -> None:
    images = draw(pipeline, ["a photo of sks", "ks"], [1, 2, 3, 4], num_images_per_prompt=2)
    np.testing.assert_allclose(images[1], draw(pipeline, "a photo of sks", [2])[0], atol=1 / 255)
    np.testing.assert_allclose(images[2], draw(pipeline, "ks", [3])[0], atol=1 / 255)
    negative = {"negative_prompt": ["a dark photo", "face"], "num_images_per_prompt": 2}
    images = draw(pipeline, ["a photo of sks", "ks"], [1, 2, 3, 4], **negative)
    np.testing.assert_allclose(images[2], draw(pipeline, "ks", [3], negative_prompt="face")[0], atol=1 / 255)


def test_contexts_may_be_given_instead_of_prompts(pipeline: PersonPipeline, model: LatentDiffusion) -> None:
    assert pipeline.people is not None
    with torch.no_grad():
        context = model.get_learned_conditioning(["ks"], {"vectors": pipeline.people[None]}).context
        empty = model.get_learned_conditioning([""]).context
    given = draw(pipeline, None, [1], prompt_embeds=context, negative_prompt_embeds=empty)
    np.testing.assert_allclose(given, draw(pipeline, "ks", [1]), atol=1e-5)


def test_negative_prompts_that_do_not_fit_are_refused(pipeline: PersonPipeline) -> None:
    with pytest.raises(ValueError, match="3 negative prompts for 2 prompts: give one, or one for each"):
        pipeline.encode_prompt(["a", "b"], torch.device("cpu"), 1, True, ["x", "y", "z"])


def test_it_shares_the_models_networks_and_puts_them_to_evaluation(model: LatentDiffusion) -> None:
    model.train()
    pipeline = PersonPipeline.of(model)
    assert pipeline.unet is model.unet
    assert pipeline.text_encoder is model.cond_stage_model.transformer
    assert not any(part.training for part in model.modules())


def test_prompts_are_checked_before_any_is_drawn(pipeline: PersonPipeline, model: LatentDiffusion) -> None:
    pipeline.check(["a photo of sks", "<ks> next to tom hanks"])
    with pytest.raises(PromptTooLongError, match="has 33 tokens"):
        pipeline.check(["sks", "photo " * 29 + "sks"])
    with pytest.raises(PlaceholderError, match="asks for 'ks', person 2, but the number of people given is 1"):
        PersonPipeline.of(model, torch.zeros(1, 2, 32)).check(["sks and ks"])
    with pytest.raises(PlaceholderError, match="no prompt mentions a placeholder"):
        pipeline.check(["a photo of a face"])


def test_brackets_around_a_person_change_nothing(pipeline: PersonPipeline) -> None:
    np.testing.assert_array_equal(draw(pipeline, "a photo of <sks>", [3]), draw(pipeline, "a photo of sks", [3]))
