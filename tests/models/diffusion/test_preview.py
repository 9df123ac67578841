import pytest
import torch
from diffusers import StableDiffusionPipeline

from ldm.batch import Batch
from ldm.models.diffusion.pipelines import make_scheduler
from ldm.models.diffusion.preview import draw, preview
from ldm.randomness import generator
from tests.models.diffusion.conftest import FINETUNE, Make


def pictures() -> Batch:
    return {
        "image": torch.rand(3, 3, 16, 16, generator=generator(4)) * 2 - 1,
        "caption": ["a photo of a face", "tom hanks", "a portrait of a face"],
        "ids": torch.tensor([[0], [1], [0]]),
    }


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_drawing_is_that_of_the_pipeline(make: Make, guidance: float) -> None:
    model = make(FINETUNE).eval()
    noise = torch.randn(2, 4, 8, 8, generator=generator(1))
    prompts = ["a photo of a face", "tom hanks"]
    with torch.no_grad():
        context, empty = model.get_learned_conditioning(prompts), model.get_learned_conditioning(["", ""])
        drawn = draw(model, noise, context, empty, guidance, 5)
    plain = StableDiffusionPipeline(
        model.first_stage_model, model.cond_stage_model.transformer, model.cond_stage_model.tokenizer, model.unet,
        make_scheduler("ddim", model.noise_scheduler), None, None, requires_safety_checker=False,
    )  # fmt: skip
    plain.set_progress_bar_config(disable=True)
    expected = plain(
        prompts, num_inference_steps=5, guidance_scale=guidance, latents=noise, output_type="latent"
    ).images
    torch.testing.assert_close(drawn, expected, atol=1e-4, rtol=1e-4)


def test_inputs_are_the_pictures_and_few_are_shown(make: Make) -> None:
    model = make(FINETUNE).eval()
    shown = preview(model, pictures(), 2, seed=3, num_steps=2)
    assert shown["inputs"].equal(pictures()["image"][:2])
    assert {tuple(images.shape) for images in shown.values()} == {(2, 3, 16, 16)}
    assert not any(images.requires_grad for images in shown.values())


def test_guided_samples_are_guided_as_the_model_wants(make: Make) -> None:
    model = make(FINETUNE).eval()
    shown = preview(model, pictures(), 2, seed=3, num_steps=2)
    assert not torch.allclose(shown["samples"], shown["samples_scaled"], atol=1e-3)
    object.__setattr__(model.defaults, "guidance_scale", 1.0)
    again = preview(model, pictures(), 2, seed=3, num_steps=2)
    assert again["samples_scaled"].equal(shown["samples"])


def test_another_seed_gives_other_pictures(make: Make) -> None:
    model = make(FINETUNE).eval()
    first, other = (preview(model, pictures(), 1, seed=seed, num_steps=2)["samples"] for seed in (3, 4))
    assert not torch.allclose(first, other, atol=1e-3)
