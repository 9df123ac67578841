"""DoRA files: both forms, bit by bit, and the weights that PEFT makes of them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ldm.runs.add_ons import as_peft
from ldm.weights.lora_files import read_lora, write_diffusers_lora
from ldm.weights.lora_kohya import write_kohya
from ldm.weights.merge import merge_lora
from ldm.weights.read import read_model
from tests.weights.pictures import picture, pipeline

TARGETS = {"unet": ["to_q", "conv1"], "text_encoder": ["q_proj", "out_proj"]}
LINEAR = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
CONV = "mid_block.resnets.0.conv1"


def with_dora(small: Path) -> Any:
    """A pipeline with a random DoRA of rank 3 and scale 2/3 on both networks."""
    from peft import LoraConfig

    torch.manual_seed(1)
    pipe = pipeline(small)
    for name, targets in TARGETS.items():
        config = LoraConfig(r=3, lora_alpha=2, target_modules=targets, use_dora=True, init_lora_weights=False)
        getattr(pipe, name).add_adapter(config)
        for key, parameter in getattr(pipe, name).named_parameters():
            if "magnitude" in key:
                parameter.data *= torch.rand_like(parameter) + 0.5
    return pipe


@pytest.fixture(scope="module")
def peft(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That DoRA, saved by diffusers."""
    from diffusers import StableDiffusionPipeline
    from peft import get_peft_model_state_dict

    pipe, path = with_dora(small), tmp_path_factory.mktemp("dora") / "peft.safetensors"
    states = {name: get_peft_model_state_dict(getattr(pipe, name)) for name in TARGETS}
    StableDiffusionPipeline.save_lora_weights(
        path.parent,
        unet_lora_layers=states["unet"],
        text_encoder_lora_layers={f"text_model.{key}": value for key, value in states["text_encoder"].items()},
        weight_name=path.name,
        unet_lora_adapter_metadata=pipe.unet.peft_config["default"].to_dict(),
        text_encoder_lora_adapter_metadata=pipe.text_encoder.peft_config["default"].to_dict(),
    )
    return path


@pytest.fixture(scope="module")
def kohya(peft: Path, small: Path) -> Path:
    return write_kohya(peft.with_name("kohya.safetensors"), read_lora(peft, small))


def test_to_kohya_and_back_is_the_same_bit_by_bit(peft: Path, kohya: Path, small: Path, tmp_path: Path) -> None:
    back = load_file(write_diffusers_lora(tmp_path / "back.safetensors", read_lora(kohya, small)))
    given = {key + ".weight" * key.endswith("_vector"): tensor for key, tensor in load_file(peft).items()}
    assert given.keys() == back.keys()
    assert all(given[key].equal(back[key]) for key in given)
    written = load_file(kohya)
    assert written["lora_unet_mid_block_resnets_0_conv1.dora_scale"].shape == (64, 1, 1, 1)
    assert written[f"lora_unet_{LINEAR.replace('.', '_')}.dora_scale"].shape == (64, 1)


def test_diffusers_draws_the_same_picture_after_the_way_there_and_back(
    kohya: Path, small: Path, tmp_path: Path
) -> None:
    """That of PEFT's own file is not: transformers passes over the lengths of its text encoder."""
    pipe = pipeline(small)
    pipe.load_lora_weights(write_diffusers_lora(tmp_path / "back.safetensors", read_lora(kohya, small)))
    drawn = picture(pipe)
    assert abs(drawn - picture(with_dora(small))).max() < 1e-5
    assert abs(drawn - picture(pipeline(small))).max() > 0.01


@pytest.mark.parametrize("layer", [LINEAR, CONV])
def test_merged_weights_are_those_that_peft_merges(kohya: Path, small: Path, layer: str) -> None:
    model = read_model(small)
    before = model.unet.get_submodule(layer).weight.detach().clone()
    half = read_model(small)
    merge_lora(model, read_lora(kohya, small))
    merge_lora(half, read_lora(kohya, small), 0.5)
    theirs = with_dora(small).unet.get_submodule(layer)
    theirs.merge()
    merged = model.unet.get_submodule(layer).weight
    assert torch.allclose(merged, theirs.get_base_layer().weight, atol=1e-5)
    assert torch.allclose(half.unet.get_submodule(layer).weight, (before + merged) / 2, atol=1e-5)


def test_what_generate_lays_on_is_the_same_from_both_forms(peft: Path, kohya: Path, small: Path) -> None:
    one, two = (as_peft(load_file(path), small) for path in (peft, kohya))
    assert {key.replace("text_encoder.text_model.", "text_encoder.") for key in one} == set(two)
    lengths = [key for key in two if "magnitude" in key and key.startswith("unet")]
    assert len(lengths) == 16
    assert all(one[key].equal(two[key]) for key in lengths)


def test_lengths_of_columns_are_refused(kohya: Path, small: Path, tmp_path: Path) -> None:
    tensors, key = load_file(kohya), "lora_unet_mid_block_resnets_0_conv1.dora_scale"
    save_file(tensors | {key: torch.ones(1, 64, 1, 1)}, tmp_path / "columns.safetensors")
    with pytest.raises(
        ValueError, match=r"dora_scale is \(1, 64, 1, 1\), lengths of the columns of a weight with 64 ro"
    ):
        read_lora(tmp_path / "columns.safetensors", small)


def test_a_network_of_which_only_some_layers_have_lengths_is_refused(kohya: Path, small: Path, tmp_path: Path) -> None:
    tensors = load_file(kohya)
    del tensors["lora_unet_mid_block_resnets_0_conv1.dora_scale"]
    save_file(tensors, tmp_path / "some.safetensors")
    lora = read_lora(tmp_path / "some.safetensors", small)
    with pytest.raises(
        ValueError, match=rf"^1 of 16 layers of the unet have no lengths .* first {CONV}, and the others"
    ):
        write_diffusers_lora(tmp_path / "out.safetensors", lora)
