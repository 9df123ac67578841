import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from ldm.config import load_config
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.diffusion.preview import preview
from ldm.randomness import generator
from tests.models.diffusion.conftest import (
    BOTH,
    CELEB,
    FINETUNE,
    FINETUNE_BOTH,
    FINETUNE_TEXT,
    LORA,
    LORA_BOTH,
    PEOPLE,
    PIVOTAL,
    TOKENS,
    Make,
    a_batch,
    fit,
)

UNET, TEXT, HEAD = r"unet\.", r"cond_stage_model\.transformer\.", r"personalization\.(parts\.1\.)?head\."
LAYERS, TEXT_LAYERS = r"unet\..*\.lora_[AB]\.default\.weight", r"cond_stage_model\..*\.lora_[AB]\.default\.weight"
METHODS = {
    "unet": (FINETUNE, UNET),
    "both networks": (FINETUNE_BOTH, f"{UNET}|{TEXT}"),
    "text encoder": (FINETUNE_TEXT, TEXT),
    "people": (PEOPLE, HEAD),
    "text encoder and people": (BOTH, f"{TEXT}|{HEAD}"),
    "lora": (LORA, LAYERS),
    "lora of both networks": (LORA_BOTH, f"{LAYERS}|{TEXT_LAYERS}"),
    "token vectors": (TOKENS, r"personalization\.vectors$"),
    "pivotal": (PIVOTAL, rf"{LAYERS}|personalization\.parts\.0\.vectors$"),
}


def copied(model: LatentDiffusion) -> dict[str, Tensor]:
    """Everything there is, the basis too."""
    everything = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: value.detach().clone() for name, value in everything.items()}


# --- who is trained


@pytest.mark.parametrize(("method", "pattern"), METHODS.values(), ids=METHODS)
def test_one_step_moves_exactly_what_is_named(make: Make, method: Any, pattern: str) -> None:
    model = make(method)
    before = copied(model)
    fit(model)
    moved = {name for name, value in copied(model).items() if not value.equal(before[name])}
    memory = {name for name in moved if name.startswith("personalization.") and ".memory." in f".{name}."}
    named = {name for name, _ in model.named_parameters() if re.match(pattern, name)}
    assert moved - memory == named == set(model.trained_parameters())
    assert {name.rpartition(".")[2] for name in memory} == ({"weight"} if "head" in pattern else set())


@pytest.mark.parametrize(("method", "pattern"), METHODS.values(), ids=METHODS)
def test_a_parameter_is_trained_if_and_only_if_it_requires_grad(make: Make, method: Any, pattern: str) -> None:
    model = make(method)
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == bool(re.match(pattern, name)), name
        assert parameter.dtype == torch.float32 or not parameter.requires_grad


def test_without_a_method_there_is_nothing_to_train(make: Make) -> None:
    model = make()
    assert model.trained_parameters() == {}
    with pytest.raises(ValueError, match="nothing would be trained"):
        fit(model)


@pytest.mark.parametrize("method", [FINETUNE_BOTH, PEOPLE, BOTH, LORA_BOTH, PIVOTAL])
def test_no_tensor_has_two_keys(make: Make, method: Any) -> None:
    state = make(method).state_dict()
    places = [value.data_ptr() for value in state.values() if value.numel()]
    assert len(places) == len(set(places))
    assert not [name for name in state if "basis" in name], "a basis lies in a file of its own"


def test_networks_that_are_not_trained_stay_in_evaluation_mode(make: Make) -> None:
    for method, unet, text in ((FINETUNE, True, False), (FINETUNE_TEXT, False, True), (PEOPLE, False, False)):
        model = make(method)
        model.train()
        model.on_train_epoch_start()
        assert (model.unet.training, model.cond_stage_model.training) == (unet, text)
        assert not model.first_stage_model.training
        assert model.personalization.training


def test_people_are_learned_through_frozen_networks(make: Make) -> None:
    model = make(PEOPLE)
    model.loss(a_batch(), generator(0)).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.trained_parameters().values())
    assert all(p.grad is None for p in model.unet.parameters())


# --- checkpoints


@pytest.mark.parametrize("method", [FINETUNE, PEOPLE, BOTH, PIVOTAL], ids=["unet", "people", "chain", "pivotal"])
def test_a_checkpoint_holds_exactly_what_is_kept(make: Make, method: Any, tmp_path: Path) -> None:
    model = make(method)
    fit(model).save_checkpoint(tmp_path / "last.ckpt")
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert set(saved) == model.kept_names()
    assert set(saved) >= set(model.trained_parameters())
    assert not [name for name in saved if name.startswith("first_stage_model")]

    again = make(method)
    again.on_load_checkpoint({"state_dict": saved})
    again.load_state_dict(saved, strict=again.strict_loading)
    assert all(value.equal(again.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_checkpoint_of_people_is_small(make: Make, tmp_path: Path) -> None:
    model = make(PEOPLE)
    assert {name.removeprefix("personalization.") for name in model.kept_names()} == {
        "head.layers.0.weight", "head.layers.0.bias", "memory.total", "memory.weight",
    }  # fmt: skip


def test_a_foreign_checkpoint_is_refused_with_its_keys(make: Make) -> None:
    people, unet = make(PEOPLE), make(FINETUNE)
    with pytest.raises(KeyError, match=r"the checkpoint lacks 4 tensors, first 'personalization\.head\.layers"):
        people.on_load_checkpoint({"state_dict": {name: people.state_dict()[name] for name in unet.kept_names()}})
    more = {name: people.state_dict()[name] for name in people.kept_names()} | {"lora.weight": torch.zeros(1)}
    with pytest.raises(KeyError, match=r"holds unknown 1 tensors, first 'lora\.weight': was it made with another"):
        people.on_load_checkpoint({"state_dict": more})


def test_a_checkpoint_of_another_size_is_refused(make: Make) -> None:
    model = make(LORA)
    state = {name: model.state_dict()[name] for name in model.kept_names()}
    first = min(state)
    message = (
        rf"1 tensors of the checkpoint have another size, first '{re.escape(first)}': \(1,\) there, .* with another"
    )
    with pytest.raises(ValueError, match=message):
        model.on_load_checkpoint({"state_dict": state | {first: torch.zeros(1)}})


def test_deepspeeds_checkpoints_are_left_alone_but_for_the_name_of_the_basis(make: Make) -> None:
    checkpoint: dict[str, Any] = {"epoch": 3}
    model = make(PEOPLE)
    model.on_save_checkpoint(checkpoint)
    model.on_load_checkpoint(checkpoint)
    assert checkpoint.keys() == {"epoch", "celeb_basis"}
    assert checkpoint["celeb_basis"]["hash"] == model.cond_stage_model.celeb_basis.hash
    without: dict[str, Any] = {"epoch": 3}
    make(FINETUNE).on_save_checkpoint(without)
    assert without == {"epoch": 3}


def test_a_checkpoint_on_another_basis_is_refused(make: Make) -> None:
    model = make(PEOPLE)
    checkpoint = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(checkpoint)
    model.on_load_checkpoint(checkpoint)
    checkpoint["celeb_basis"]["hash"] = "f" * 16
    with pytest.raises(ValueError, match="the checkpoint belongs to basis ffff"):
        model.on_load_checkpoint(checkpoint)


# --- what others ask of it


def test_it_tells_a_data_set_what_it_needs(make: Make, astronaut: Any) -> None:
    model = make()
    assert model.sample_size_px == 16
    assert model.face_encoder_name == "sface"
    vector = model.describe_faces([astronaut])
    assert vector.shape == (1, 128)
    assert float((vector**2).sum()) == pytest.approx(1, abs=1e-4)
    assert model.encode_pictures(torch.zeros(3, 3, 16, 16)).shape == (3, 4, 8, 8)


def test_faces_are_loaded_only_where_they_are_asked_for(make: Make) -> None:
    assert "faces" not in make(FINETUNE, face_backend="no such pack").__dict__


def test_a_look_shows_the_same_each_time_and_teaches_nothing(make: Make) -> None:
    model = make(PEOPLE).eval()
    before, state = copied(model), torch.get_rng_state()
    shown = model.log_images(a_batch(), num_images=2, seed=7)
    assert set(shown) == {"inputs", "reconstruction", "samples", "samples_scaled"}
    for images in shown.values():
        assert images.shape == (2, 3, 16, 16)
        assert images.isfinite().all()
        assert images.abs().max() <= 1
    again = model.log_images(a_batch(), num_images=2, seed=7)
    assert all(again[key].equal(images) for key, images in shown.items())
    one = preview(model, a_batch(), 1, 7)
    torch.testing.assert_close(one["samples"][0], shown["samples"][0], atol=1e-2, rtol=0)
    assert all(value.equal(before[name]) for name, value in copied(model).items())
    assert torch.equal(state, torch.get_rng_state())


def test_a_chain_can_be_written_in_yaml(tmp_path: Path, tiny_model: Path) -> None:
    from omegaconf import OmegaConf

    params = {"ckpt_path": str(tiny_model), "cond_stage_config": CELEB, "personalization_config": BOTH}
    tree = {"model": {"target": "ldm.models.diffusion.ddpm.LatentDiffusion", "params": params}}
    OmegaConf.save(OmegaConf.create(tree), tmp_path / "chain.yaml")
    config = load_config([tmp_path / "chain.yaml"])
    assert OmegaConf.to_container(config.model.params.personalization_config) == BOTH


def test_pictures_are_encoded_where_the_trainer_will_train(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning moves the model after the data sets were built."""
    model, moved = make(), []
    monkeypatch.setattr(model, "_trainer", SimpleNamespace(strategy=SimpleNamespace(root_device="there")))
    monkeypatch.setattr(model.first_stage_model, "to", moved.append)
    model.encode_pictures(torch.zeros(1, 3, 16, 16))
    assert moved == ["there"]


@pytest.mark.parametrize(("method", "room"), [(None, None), (FINETUNE, None), (PEOPLE, 3), (BOTH, 3)])
def test_it_tells_a_data_set_how_many_people_it_has_room_for(make: Make, method: Any, room: int | None) -> None:
    assert make(method).max_people == room
