"""A ControlNet beside a UNet: it starts without effect, is seen by whoever draws, and is a folder others read."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from ldm.batch import Batch
from ldm.models.diffusion.preview import preview
from ldm.modules.controlnet import controlled, new_controlnet, read_controlnet, residuals_of
from ldm.randomness import generator
from tests.models.diffusion.conftest import Make, make

__all__ = ["make"]

CONTROL = {"target": "ldm.modules.controlnet.ControlNetTraining"}


@pytest.fixture(scope="module")
def unet(tiny_model: Path) -> Any:
    return UNet2DConditionModel.from_pretrained(tiny_model, subfolder="unet").eval()


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy latents, timesteps, context."""
    draws = generator(3, "inputs")
    return torch.randn(2, 4, 8, 8, generator=draws), torch.tensor([5, 900]), torch.randn(2, 32, 32, generator=draws)


def edges() -> torch.Tensor:
    return (torch.rand(2, 3, 64, 64, generator=generator(4)) > 0.8).float()


def awake(controlnet: Any) -> Any:
    """The layers that give 0 at first, with numbers."""
    for part in (*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block):
        torch.nn.init.normal_(part.weight, std=0.2, generator=generator(5))
    torch.nn.init.normal_(controlnet.controlnet_cond_embedding.conv_out.weight, std=0.2, generator=generator(6))
    return controlnet.eval()


@torch.no_grad()
def test_at_first_it_changes_nothing_and_is_a_copy(unet: Any) -> None:
    fresh = new_controlnet(unet)
    plain = unet(*inputs()).sample
    with controlled(unet, fresh, edges()):
        assert unet(*inputs()).sample.equal(plain)
    for name, parameter in unet.down_blocks.named_parameters():
        assert parameter.equal(fresh.down_blocks.get_parameter(name))
    assert fresh.config.addition_embed_type_num_heads == unet.config.addition_embed_type_num_heads


@torch.no_grad()
def test_inside_the_block_the_control_is_seen_and_scaled(unet: Any) -> None:
    network, plain = awake(new_controlnet(unet)), unet(*inputs()).sample
    seen = []
    for scale in (0.0, 0.5, 1.0):
        with controlled(unet, network, edges(), scale):
            seen.append(unet(*inputs()).sample)
    assert torch.allclose(seen[0], plain, atol=1e-6)
    away = [float((one - plain).abs().mean()) for one in seen]
    assert 0.01 < away[1] < away[2]
    told = residuals_of(network, *inputs(), edges())
    assert unet(*inputs(), **told).sample.equal(seen[2])
    assert unet(*inputs()).sample.equal(plain), "after the block nothing is left of it"


@torch.no_grad()
def test_control_pictures_are_repeated_and_brought_to_size(unet: Any) -> None:
    """With guidance each picture is there twice; a first stage that shrinks less than 8 times has smaller pictures."""
    network, (noisy, steps, context) = awake(new_controlnet(unet)), inputs()
    twice = [torch.cat([one, one]) for one in (noisy, steps, context)]
    told, both = (residuals_of(network, *given, edges()) for given in ((noisy, steps, context), twice))
    assert torch.allclose(both["mid_block_additional_residual"][2:], told["mid_block_additional_residual"], atol=1e-5)
    small = torch.nn.functional.interpolate(edges(), (16, 16))
    assert residuals_of(network, noisy, steps, context, small)["mid_block_additional_residual"].shape[0] == 2


def test_exactly_the_controlnet_is_trained_and_its_folder_is_diffusers_own(make: Make, tmp_path: Path) -> None:
    model = make(CONTROL)
    trained = model.trained_parameters()
    assert trained
    assert all(name.startswith("personalization.controlnet.") for name in trained)
    awake(model.personalization.controlnet)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    batch: Batch = {"latents": inputs()[0], "caption": ["a face", "a man"], "control": edges()}
    optimizer = torch.optim.SGD(trained.values(), lr=0.01)
    model.loss(batch, generator(1, "loss")).backward()
    optimizer.step()
    moved = {name for name, parameter in model.named_parameters() if not parameter.equal(before[name])}
    assert moved <= set(trained)
    parts = {name.split(".")[2] for name in moved}
    assert parts >= {"controlnet_cond_embedding", "down_blocks", "mid_block", "controlnet_down_blocks", "conv_in"}
    assert {file.parent.name for file in model.export(tmp_path, 7)} == {"controlnet_gs-7"}
    read = ControlNetModel.from_pretrained(tmp_path / "controlnet_gs-7")
    ours = model.personalization.controlnet.state_dict()
    for name, tensor in read.state_dict().items():
        assert tensor.float().equal(ours[name].half().float())


@torch.no_grad()
def test_previews_see_the_control(make: Make) -> None:
    model = make(CONTROL).eval()
    awake(model.personalization.controlnet)
    batch: Batch = {"latents": inputs()[0], "caption": ["a face", "a man"], "control": edges()}
    other: Batch = {**batch, "control": 1 - edges()}
    shown, else_ = (preview(model, one, 2, 0, num_steps=2)["samples_scaled"] for one in (batch, other))
    assert (shown - else_).abs().max() > 1e-3


def test_a_controlnet_of_another_model_is_refused(unet: Any, tmp_path: Path) -> None:
    new_controlnet(unet).save_pretrained(tmp_path / "small")
    assert read_controlnet(tmp_path / "small", unet).config.cross_attention_dim == 32
    wider = UNet2DConditionModel.from_config({**unet.config, "cross_attention_dim": 48})
    with pytest.raises(ValueError, match=r"belongs to another model: cross_attention_dim 32 instead of 48"):
        read_controlnet(tmp_path / "small", wider)
    with pytest.raises(FileNotFoundError, match=r"is no ControlNet: a folder with config\.json and weights is needed"):
        read_controlnet(tmp_path, unet)
