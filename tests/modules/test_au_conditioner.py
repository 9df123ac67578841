"""Action units as token vectors: where they stand, what they change, and what stays."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ldm.batch import Batch
from ldm.models.diffusion.au_guidance import au_guided, weighed
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.diffusion.pipelines import PersonPipeline
from ldm.modules.controlnet import controlled, new_controlnet
from ldm.modules.placeholders import PromptTooLongError
from ldm.randomness import generator
from tests.models.diffusion.conftest import CELEB, PEOPLE, Make, make
from tests.modules.test_controlnet import awake as awake_controlnet

__all__ = ["make"]
UNITS = {
    "target": "ldm.modules.au_conditioner.AuConditioner",
    "params": {"placeholder_string": "bop", "units": [6, 12]},
}


def chain(*parts: Any) -> dict[str, Any]:
    return {"target": "ldm.modules.personalization.Chain", "params": {"parts": list(parts)}}


def asked(*rows: tuple[float, float]) -> Batch:
    return {"action_units": torch.tensor(rows)}


def awake(model: LatentDiffusion) -> LatentDiffusion:
    """With an encoder that has learned something."""
    for part in model.personalization.modules():
        if hasattr(part, "encoder"):
            torch.nn.init.normal_(part.encoder[-1].weight, std=0.5, generator=generator(1))
    return model.eval()


@pytest.fixture(scope="module")
def model(make: Make) -> LatentDiffusion:
    return awake(make(UNITS))


@torch.no_grad()
def test_each_unit_is_heard_and_what_is_not_told_is_not_absent(model: LatentDiffusion) -> None:
    nan = float("nan")
    rows = [(0.0, 0.0), (0.0, 5.0), (5.0, 0.0), (0.0, nan), (nan, nan)]
    contexts = model.get_learned_conditioning(["a face bop"] * 5, asked(*rows)).context
    for i in range(5):
        for j in range(i):
            assert (contexts[i] - contexts[j]).abs().max() > 1e-3
    nothing = model.get_learned_conditioning(["a face bop"]).context
    assert torch.allclose(nothing[0], contexts[4], atol=1e-6)
    plain, told = (model.get_learned_conditioning(["a face"], batch).context for batch in ({}, asked((5.0, 5.0))))
    assert plain.equal(told), "without the word nothing is said"


def test_the_word_takes_its_places_and_others_move(model: LatentDiffusion) -> None:
    tokens = model.personalization.expand(model.cond_stage_model.tokenize(["a bop face", "a face"]))
    assert tokens.slots[0, :5].tolist() == [-1, -1, -2, -3, -1]
    assert tokens.ids[0, 2] == tokens.ids[0, 3]
    assert (tokens.slots[1] == -1).all()
    with pytest.raises(PromptTooLongError, match="no room for the 2 vectors of 'bop'"):
        model.personalization.expand(model.cond_stage_model.tokenize([" ".join(["a"] * 29 + ["bop"])]))


@torch.no_grad()
def test_beside_people_of_the_celeb_basis(make: Make) -> None:
    model = awake(make(chain(PEOPLE, UNITS), cond_stage_config=CELEB))
    people = {"vectors": torch.randn(1, 2, 2, 32, generator=generator(2))}
    seen = [
        model.get_learned_conditioning(["sks bop"], {**people, **told}).context
        for told in (asked((0.0, 0.0)), asked((5.0, 0.0)))
    ]
    other = {"vectors": torch.randn(1, 2, 2, 32, generator=generator(3)), **asked((0.0, 0.0))}
    assert (seen[0] - seen[1]).abs().max() > 1e-3
    assert (seen[0] - model.get_learned_conditioning(["sks bop"], other).context).abs().max() > 1e-3
    wrong = make(chain(UNITS, PEOPLE), cond_stage_config=CELEB).eval()
    with pytest.raises(ValueError, match="must be the last of the Chain's parts"):
        wrong.get_learned_conditioning(["sks bop"], {**people, **asked((0.0, 0.0))})


def test_who_is_trained_and_the_file(make: Make, tmp_path: Path) -> None:
    model = make(UNITS)
    assert {name.partition("encoder.")[0] for name in model.trained_parameters()} == {"personalization."}
    batch: Batch = {
        "latents": torch.randn(2, 4, 8, 8),
        "caption": ["bop", "a face bop"],
        **asked((0.0, 5.0), (3.0, 0.0)),
    }
    model.train()
    model.loss(batch, generator(1)).backward()
    assert all(parameter.grad is not None for parameter in model.trained_parameters().values())
    silent: Batch = {**batch, "caption": ["a face", ""]}
    model.loss(silent, generator(1)).backward()
    [artifact] = awake(model).personalization.export()
    other = make(UNITS)
    other.personalization.load([artifact])
    for name, tensor in model.personalization.state_dict().items():
        assert tensor.equal(other.personalization.state_dict()[name])
    three = make({**UNITS, "params": {"placeholder_string": "bop", "units": [6, 12, 25]}})
    with pytest.raises(ValueError, match="the file is of the action units 6,12, this run of 6,12,25"):
        three.personalization.load([artifact])


def watched(model: LatentDiffusion) -> tuple[PersonPipeline, list[torch.Tensor]]:
    """A pipeline that is told of a face, and the predictions that its scheduler will get."""
    pipeline = PersonPipeline.of(model)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.told = {"action_units": torch.tensor([5.0, 0.0])}
    seen: list[torch.Tensor] = []
    step = pipeline.scheduler.step
    pipeline.scheduler.step = lambda prediction, *rest, **more: (
        seen.append(prediction),
        step(prediction, *rest, **more),
    )[1]
    return pipeline, seen


@torch.no_grad()
@pytest.mark.parametrize("scale", [4.0, 1.0])
def test_guidance_is_the_sum_it_says(model: LatentDiffusion, scale: float) -> None:
    """One step of the pipeline's prediction against the formula, with each of the three predictions made alone."""
    pipeline, seen = watched(model)
    noise = torch.randn(2, 4, 8, 8, generator=generator(4))
    for weight in (0.0, 3.0, scale):
        with au_guided(pipeline, weight):
            pipeline(["a face bop"] * 2, latents=noise, num_inference_steps=1, guidance_scale=scale)
    pipeline(["a face bop"] * 2, latents=noise, num_inference_steps=1, guidance_scale=scale)
    time = pipeline.scheduler.timesteps[0]
    contexts = [
        pipeline.context([""], told={}),
        pipeline.context(["a face bop"], told={}),
        pipeline.context(["a face bop"]),
    ]
    nobody, prompt, face = (model.unet(noise, time, one.repeat(2, 1, 1)).sample for one in contexts)
    base = nobody + scale * (prompt - nobody) if scale > 1 else prompt
    for weight, prediction in zip((0.0, 3.0, scale), seen, strict=False):
        torch.testing.assert_close(prediction, base + weight * (face - prompt), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(seen[3], seen[2], atol=1e-4, rtol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("scale", [4.0, 1.0])
def test_another_prompt_can_move_the_face(model: LatentDiffusion, scale: float) -> None:
    """The difference that the vector makes to one prompt is added to another prompt's prediction."""
    pipeline, seen = watched(model)
    pipeline.mover = "a photo bop"
    noise = torch.randn(2, 4, 8, 8, generator=generator(4))
    with weighed(pipeline, None, scale):
        pipeline(["a face bop"] * 2, latents=noise, num_inference_steps=1, guidance_scale=scale)
    time = pipeline.scheduler.timesteps[0]
    contexts = [pipeline.context([prompt], told={}) for prompt in ("", "a face bop", "a photo bop")]
    contexts.append(pipeline.context(["a photo bop"]))
    nobody, prompt, still, moved = (model.unet(noise, time, one.repeat(2, 1, 1)).sample for one in contexts)
    base = nobody + scale * (prompt - nobody) if scale > 1 else prompt
    torch.testing.assert_close(seen[0], base + scale * (moved - still), atol=1e-4, rtol=1e-3)
    assert not torch.allclose(
        moved - still, model.unet(noise, time, pipeline.context(["a face bop"] * 2)).sample - prompt
    )


@torch.no_grad()
def test_a_word_that_ends_like_ours_is_not_ours(model: LatentDiffusion) -> None:
    tokens = model.cond_stage_model.tokenize(["a bebop face"])
    assert model.cond_stage_model.tokenizer.convert_tokens_to_ids("bop</w>") in tokens.ids
    told, plain = (model.get_learned_conditioning(["a bebop face"], b).context for b in (asked((5.0, 5.0)), {}))
    assert told.equal(plain)


@torch.no_grad()
@pytest.mark.parametrize("mover", [None, "a photo bop"])
@pytest.mark.parametrize("scale", [4.0, 1.0])
def test_a_controlnet_leads_every_part_of_the_sum(model: LatentDiffusion, scale: float, mover: str | None) -> None:
    pipeline, seen = watched(model)
    pipeline.mover = mover
    net = awake_controlnet(new_controlnet(model.unet))
    noise, control = (torch.randn(*size, generator=generator(4)) for size in ((2, 4, 8, 8), (1, 3, 64, 64)))
    with controlled(model.unet, net, control), au_guided(pipeline, 3.0):
        pipeline(["a face bop"] * 2, latents=noise, num_inference_steps=1, guidance_scale=scale)
    time, told = pipeline.scheduler.timesteps[0], mover or "a face bop"
    contexts = [pipeline.context([prompt], told={}) for prompt in ("", "a face bop", told)]
    contexts.append(pipeline.context([told]))
    with controlled(model.unet, net, control):
        nobody, prompt, still, moved = (model.unet(noise, time, one.repeat(2, 1, 1)).sample for one in contexts)
    base = nobody + scale * (prompt - nobody) if scale > 1 else prompt
    torch.testing.assert_close(seen[0], base + 3.0 * (moved - still), atol=1e-4, rtol=1e-3)
    assert not torch.allclose(prompt, model.unet(noise, time, contexts[1].repeat(2, 1, 1)).sample, atol=1e-2)
