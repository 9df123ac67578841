"""Low-rank layers on the tiny model: trained, merged, written, and read by diffusers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from ldm.modules.artifacts import read_artifact, write_artifact
from ldm.modules.lora import METADATA, LoraAdapter
from ldm.modules.personalization import Artifact
from ldm.weights.read import read_model

TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


def attached(folder: Path, **options: Any) -> tuple[LoraAdapter, Any]:
    """An adapter whose layers are not at their start, on the model in ``folder``."""
    torch.manual_seed(1)
    parts, lora = read_model(folder), LoraAdapter(**options)
    lora.attach(parts.unet, parts.text_encoder)
    with torch.no_grad():
        for parameter in lora.trained(parts.unet, parts.text_encoder):
            parameter.normal_(std=0.1)
    return lora, parts


def predict(unet: Any, width: int = 32) -> torch.Tensor:
    draws = torch.Generator().manual_seed(3)
    context = torch.randn(1, 7, width, generator=draws)
    with torch.no_grad():
        out: torch.Tensor = unet(torch.randn(1, 4, 8, 8, generator=draws), torch.tensor([5]), context).sample
    return out


def test_at_the_start_nothing_is_changed(tiny_model: Path) -> None:
    plain, with_lora = read_model(tiny_model), read_model(tiny_model)
    LoraAdapter(rank=4).attach(with_lora.unet, with_lora.text_encoder)
    assert predict(with_lora.unet).equal(predict(plain.unet))


def test_the_default_trains_the_attention_of_the_unet(tiny_model: Path) -> None:
    lora, parts = attached(tiny_model, rank=2)
    trained = {id(parameter) for parameter in lora.trained(parts.unet, parts.text_encoder)}
    names = {name for name, parameter in parts.unet.named_parameters() if id(parameter) in trained}
    assert len(names) == len(trained) > 0
    assert {name.split(".lora_")[0].rpartition("attn")[2][2:] for name in names} == set(TARGETS)
    assert list(lora.state_dict()) == [], "the networks are not the adapter's own modules"


def test_the_text_encoder_is_changed_if_asked(tiny_model: Path) -> None:
    lora, parts = attached(tiny_model, rank=2, target_modules=[], train_text_encoder=True)
    names = {name for name, _ in parts.text_encoder.named_parameters() if ".lora_" in name}
    assert names
    assert not [name for name, _ in parts.unet.named_parameters() if ".lora_" in name]
    assert len(list(lora.trained(parts.unet, parts.text_encoder))) == len(names)


@pytest.mark.parametrize(
    ("options", "scale"), [({"rank": 2}, 1), ({"rank": 2, "alpha": 1}, 0.5), ({"rank": 4, "use_rslora": True}, 2)]
)
def test_merged_a_layer_is_w_plus_scaled_b_a(tiny_model: Path, options: Any, scale: float) -> None:
    _, parts = attached(tiny_model, **options)
    unmerged = predict(parts.unet)
    layers = {name: layer for name, layer in parts.unet.named_modules() if hasattr(layer, "lora_A")}
    wanted = {
        name: layer.base_layer.weight + scale * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
        for name, layer in layers.items()
    }
    parts.unet.fuse_lora()
    for name, layer in layers.items():
        torch.testing.assert_close(layer.base_layer.weight, wanted[name], atol=1e-6, rtol=1e-5)
    parts.unet.unload_lora()
    torch.testing.assert_close(predict(parts.unet), unmerged, atol=1e-5, rtol=1e-4)


def test_dora_trains_lengths_too(tiny_model: Path) -> None:
    lora, parts = attached(tiny_model, rank=2, use_dora=True)
    [artifact] = lora.export()
    lengths = {name: tensor for name, tensor in artifact.tensors.items() if "magnitude" in name}
    assert len(lengths) == len([name for name in artifact.tensors if "lora_A" in name])
    assert json.loads(artifact.metadata[METADATA])["unet.use_dora"] is True
    trained = {id(parameter) for parameter in lora.trained(parts.unet, parts.text_encoder)}
    assert len(trained) == len(artifact.tensors)


@pytest.mark.parametrize(
    "options",
    [
        {"rank": 3, "alpha": 6},
        {"train_text_encoder": True, "use_rslora": True},
        {"train_text_encoder": True, "use_dora": True},
    ],
    ids=["alpha", "both networks", "dora"],
)
def test_what_was_exported_can_be_taken_back(tiny_model: Path, tmp_path: Path, options: Any) -> None:
    lora, parts = attached(tiny_model, **options)
    file = write_artifact(tmp_path / "lora_gs-1.safetensors", lora.export()[0])
    again = read_model(tiny_model)
    other = LoraAdapter(**options)
    other.attach(again.unet, again.text_encoder)
    other.load([read_artifact(file)])
    assert predict(again.unet).equal(predict(parts.unet))
    assert all(
        value.equal(again.text_encoder.state_dict()[key]) for key, value in parts.text_encoder.state_dict().items()
    )


@pytest.mark.parametrize(
    "options",
    [
        {"rank": 3, "alpha": 6},
        {"train_text_encoder": True, "use_rslora": True},
        {"train_text_encoder": True, "use_dora": True},
    ],
    ids=["alpha", "both networks", "dora"],
)
def test_diffusers_draws_the_same_from_the_file(tiny_model: Path, tmp_path: Path, options: Any) -> None:
    from diffusers import StableDiffusionPipeline

    plain = read_model(tiny_model)
    networks = {"unet": plain.unet, "text_encoder": plain.text_encoder, "vae": plain.vae, "tokenizer": plain.tokenizer}
    known = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipe = StableDiffusionPipeline(**networks, scheduler=plain.scheduler, **known)
    lora, parts = attached(tiny_model, **options)
    write_artifact(tmp_path / "lora.safetensors", lora.export()[0])
    before = predict(pipe.unet)
    pipe.load_lora_weights(tmp_path, weight_name="lora.safetensors")
    torch.testing.assert_close(predict(pipe.unet), predict(parts.unet), atol=1e-6, rtol=1e-5)
    assert not predict(pipe.unet).allclose(before, atol=1e-3)
    ids = torch.arange(5)[None]
    own, theirs = (network(input_ids=ids).last_hidden_state for network in (parts.text_encoder, pipe.text_encoder))
    torch.testing.assert_close(own, theirs, atol=1e-6, rtol=1e-5)


def test_training_can_start_from_a_file(tiny_model: Path, tmp_path: Path) -> None:
    lora, parts = attached(tiny_model, rank=2)
    file = write_artifact(tmp_path / "lora_gs-1.safetensors", lora.export()[0])
    again = read_model(tiny_model)
    LoraAdapter(rank=2, lora_ckpt=file).attach(again.unet, again.text_encoder)
    assert predict(again.unet).equal(predict(parts.unet))


def test_dora_leaves_layers_with_rows_of_zeros_as_they_are(tiny_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Their lengths would be 0 / 0: the first prediction was not a number."""
    parts, lora = read_model(tiny_model), LoraAdapter(rank=2, use_dora=True)
    silent = parts.unet.mid_block.attentions[0].transformer_blocks[0].attn2.to_out[0]
    with torch.no_grad():
        silent.weight[3] = 0
    lora.attach(parts.unet, parts.text_encoder)
    assert predict(parts.unet).isfinite().all()
    assert not hasattr(silent, "base_layer")
    told = r"use_dora: 1 of \d+ layers of the unet have rows of zeros, first mid_block\S+attn2\.to_out\.0: they stay"
    assert re.search(told, caplog.text)
    only = LoraAdapter(
        rank=2, use_dora=True, target_modules=["mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0"]
    )
    with pytest.raises(ValueError, match="use_dora: 1 of 1 layers of the unet have rows of zeros, first mid_block"):
        only.attach(parts.unet, parts.text_encoder)


def test_lengths_under_pefts_own_name_are_taken_too(tiny_model: Path) -> None:
    [written] = attached(tiny_model, use_dora=True)[0].export()
    older = {key.replace("_vector.weight", "_vector"): tensor.clone() + 1 for key, tensor in written.tensors.items()}
    assert older.keys() != written.tensors.keys()
    lora, _ = attached(tiny_model, use_dora=True)
    lora.load([Artifact("lora", older, written.metadata)])
    [taken] = lora.export()
    assert all(taken.tensors[key].equal(tensor + 1) for key, tensor in written.tensors.items())


def test_a_rank_larger_than_a_layer_is_refused(tiny_model: Path) -> None:
    with pytest.raises(ValueError, match=r"rank 99 is larger than the layer unet\.\S+ of \d+ x \d+: .*a rank up to"):
        attached(tiny_model, rank=99)


def test_a_target_that_fits_no_layer_is_refused_with_those_there_are(tiny_model: Path) -> None:
    with pytest.raises(ValueError, match=r"no layer of UNet2DConditionModel .* ends in 'to_x'; there are .*to_out\.0"):
        attached(tiny_model, target_modules=["to_q", "to_x"])


def test_an_adapter_that_would_change_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="LoraAdapter would change nothing: name target_modules"):
        LoraAdapter(target_modules=[])


def test_a_file_of_another_rank_alpha_or_network_is_refused(tiny_model: Path) -> None:
    [small] = attached(tiny_model, rank=2)[0].export()
    with pytest.raises(ValueError, match=r"the LoRA file has unet\.lora_alpha = 2, this run 4"):
        attached(tiny_model, rank=4)[0].load([small])
    with pytest.raises(KeyError, match=r"the LoRA file lacks \d+ tensors: text_encoder\.text_model\."):
        attached(tiny_model, rank=2, train_text_encoder=True)[0].load([small])
    half = Artifact("lora", dict(list(small.tensors.items())[:-1]), small.metadata)
    with pytest.raises(KeyError, match="the LoRA file lacks 1 tensors: unet"):
        attached(tiny_model, rank=2)[0].load([half])
    [large] = attached(tiny_model, rank=4)[0].export()
    with pytest.raises(ValueError, match=r"is \(4, \d+\) in the LoRA file, \(2, \d+\) in this run"):
        attached(tiny_model, rank=2)[0].load([Artifact("lora", large.tensors)])
