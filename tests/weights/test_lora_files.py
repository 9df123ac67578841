"""LoRA files: both forms, bit by bit, with the scale that their alphas say, and the same picture from both."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ldm.weights.lora_files import read_lora, write_diffusers_lora
from ldm.weights.lora_kohya import kohya_name, write_kohya
from ldm.weights.modelspec import tensor_hash
from ldm.weights.tensors import read_tensors
from tests.weights.pictures import picture, pipeline

TARGETS = {"unet": ["to_q", "to_v", "conv1", "proj_in"], "text_encoder": ["q_proj", "out_proj", "fc1"]}
"""diffusers reads kohya's names of a text encoder's attention only where out_proj is among them."""


def from_peft(
    small: Path, path: Path, alpha: float = 2.0, dtype: torch.dtype = torch.float16, old: bool = False
) -> Path:
    """A random LoRA of rank 3, saved by diffusers; ``old``: under the names that its training scripts still give."""
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig, get_peft_model_state_dict

    torch.manual_seed(1)
    pipe = pipeline(small)
    layers: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for name, targets in TARGETS.items():
        network = getattr(pipe, name)
        pattern = {"mid_block.resnets.0.conv1": 2} if name == "unet" else {}
        config = LoraConfig(
            r=3, lora_alpha=alpha, target_modules=targets, rank_pattern=pattern, init_lora_weights=False
        )
        network.add_adapter(config)
        state = get_peft_model_state_dict(network)
        layers[name] = {key: tensor.to(dtype) * 3 for key, tensor in state.items()}
        if old:
            layers[name] = convert_state_dict_to_diffusers(layers[name])
        settings[name] = network.peft_config["default"].to_dict()
    StableDiffusionPipeline.save_lora_weights(
        path.parent,
        unet_lora_layers=layers["unet"],
        text_encoder_lora_layers={f"text_model.{k}": v for k, v in layers["text_encoder"].items()},
        weight_name=path.name,
        unet_lora_adapter_metadata=settings["unet"],
        text_encoder_lora_adapter_metadata=settings["text_encoder"],
    )
    return path


@pytest.fixture(scope="module")
def peft(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return from_peft(small, tmp_path_factory.mktemp("lora") / "peft.safetensors")


def drawn(small: Path, lora: Path) -> Any:
    pipe = pipeline(small)
    pipe.load_lora_weights(lora)
    return picture(pipe)


def test_to_kohya_and_back_is_the_same_bit_by_bit(peft: Path, small: Path, tmp_path: Path) -> None:
    kohya = write_kohya(tmp_path / "kohya.safetensors", read_lora(peft, small))
    back = write_diffusers_lora(tmp_path / "back.safetensors", read_lora(kohya, small))
    again = write_kohya(tmp_path / "again.safetensors", read_lora(back, small))
    for one, two in ((peft, back), (kohya, again)):
        given, got = load_file(one), load_file(two)
        assert given.keys() == got.keys()
        assert all(given[key].equal(got[key]) and given[key].dtype == got[key].dtype for key in given)
    names = set(load_file(kohya))
    assert "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_q.lora_down.weight" in names
    assert "lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha" in names


def test_both_forms_draw_the_same_picture_which_is_another_one(peft: Path, small: Path, tmp_path: Path) -> None:
    kohya = write_kohya(tmp_path / "kohya.safetensors", read_lora(peft, small))
    back = write_diffusers_lora(tmp_path / "back.safetensors", read_lora(kohya, small))
    one, two, three, without = drawn(small, peft), drawn(small, kohya), drawn(small, back), picture(pipeline(small))
    assert abs(one - two).max() < 1e-4
    assert abs(one - three).max() < 1e-4
    assert abs(one - without).max() > 0.01


def test_older_names_are_known(peft: Path, small: Path, tmp_path: Path) -> None:
    old = from_peft(small, tmp_path / "old.safetensors", old=True)
    assert load_file(old).keys() != load_file(peft).keys()
    one, two = read_lora(peft, small).layers, read_lora(old, small).layers
    assert one.keys() == two.keys()
    assert all(one[name].down.equal(two[name].down) and one[name].alpha == two[name].alpha for name in one)


def test_the_scale_is_that_of_the_alpha(peft: Path, small: Path) -> None:
    lora = read_lora(peft, small)
    layer = lora.layers["unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"]
    assert (layer.rank, layer.alpha) == (3, 2.0)
    assert torch.allclose(layer.change(), layer.up.float() @ layer.down.float() * 2 / 3)
    conv = lora.layers["unet.mid_block.resnets.0.conv1"]
    assert conv.rank == 2
    assert conv.change().shape == (64, 64, 3, 3)


def test_ranks_of_rslora_are_counted_in(peft: Path, small: Path, tmp_path: Path) -> None:
    tensors, file = load_file(peft), read_tensors(peft)
    settings = json.loads(file.metadata["lora_adapter_metadata"]) | {"unet.use_rslora": True}
    save_file(tensors, tmp_path / "rs.safetensors", {"lora_adapter_metadata": json.dumps(settings)})
    layers = read_lora(tmp_path / "rs.safetensors", small).layers
    assert layers["unet.mid_block.attentions.0.proj_in"].alpha == pytest.approx(2 * 3**0.5)
    assert layers["text_encoder.encoder.layers.0.mlp.fc1"].alpha == 2


def test_a_kohya_file_says_what_other_programs_look_for(peft: Path, small: Path, tmp_path: Path) -> None:
    path = write_kohya(tmp_path / "ann.safetensors", read_lora(peft, small))
    told = read_tensors(path).metadata
    expected = {
        "ss_network_module": "networks.lora", "ss_network_dim": "3", "ss_network_alpha": "2.0", "ss_v2": "False",
        "ss_base_model_version": "unknown", "ss_output_name": "ann", "modelspec.title": "ann",
        "modelspec.architecture": "latent-diffusion-32/lora",
    }  # fmt: skip
    assert {key: told[key] for key in expected} == expected
    assert "modelspec.resolution" not in told, "of a model of our own nobody knows"
    assert told["sshs_model_hash"] == tensor_hash(path) == told["modelspec.hash_sha256"].removeprefix("0x")
    assert len(told["sshs_legacy_hash"]) == 8


def test_what_a_kohya_file_says_is_kept(peft: Path, small: Path, tmp_path: Path) -> None:
    path = write_kohya(tmp_path / "a.safetensors", read_lora(peft, small))
    save_file(load_file(path), path, {"ss_tag_frequency": "{}", "ss_output_name": "ann"})
    told = read_tensors(write_diffusers_lora(tmp_path / "b.safetensors", read_lora(path, small))).metadata
    assert (told["ss_tag_frequency"], told["ss_output_name"]) == ("{}", "ann")


def test_names_by_the_older_layout_are_known(peft: Path, small: Path, tmp_path: Path) -> None:
    """Some trainers name the UNet's layers as CompVis does, and the text encoder as if there were two."""
    layer = read_lora(peft, small).layers["unet.down_blocks.0.attentions.0.proj_in"]
    tensors = {
        "lora_unet_input_blocks_1_1_proj_in.lora_down.weight": layer.down,
        "lora_unet_input_blocks_1_1_proj_in.lora_up.weight": layer.up,
        "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": torch.zeros(2, 32),
        "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": torch.zeros(64, 2),
    }
    save_file(tensors, tmp_path / "old.safetensors")
    layers = read_lora(tmp_path / "old.safetensors", small).layers
    assert set(layers) == {"unet.down_blocks.0.attentions.0.proj_in", "text_encoder.encoder.layers.0.mlp.fc1"}
    assert layers["text_encoder.encoder.layers.0.mlp.fc1"].alpha == 2, "without alpha the scale is 1"


def test_what_cannot_be_converted_is_refused(peft: Path, small: Path, single: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"unet.a.lora_A.weight": torch.zeros(2, 2), "foreign": torch.zeros(2, 2)}, path)
    with pytest.raises(ValueError, match=r"1 tensors belong to no layer of a LoRA, first foreign"):
        read_lora(path)
    save_file({"lora_unet_other.lora_down.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(ValueError, match=r"1 tensors belong to no layer of a LoRA, first half of lora_unet_other"):
        read_lora(path, small)
    both = {f"lora_unet_other.lora_{part}.weight": torch.zeros(2, 2) for part in ("down", "up")}
    save_file(both | {"lora_unet_other.lora_mid.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(ValueError, match=r"belong to no layer of a LoRA, first lora_unet_other\.lora_mid\.weight"):
        read_lora(path, small)
    save_file({"lora_unet_other.lokr_w1": torch.zeros(2, 2)}, path)
    with pytest.raises(ValueError, match=r"is a LyCORIS \(LoKr\): its changes are no products of two thin matrices"):
        read_lora(path, small)
    save_file(both, path)
    with pytest.raises(
        ValueError, match=r"1 of its 1 layers are not in the model .*, first lora_unet_other: is it a Lo"
    ):
        read_lora(path, small)
    with pytest.raises(
        ValueError, match=r"small\.ckpt is a Stable Diffusion 1\.x; a LoRA in kohya's or diffusers' form"
    ):
        read_lora(single)


def test_names() -> None:
    assert kohya_name("unet.mid_block.attentions.0.proj_in") == "lora_unet_mid_block_attentions_0_proj_in"
    assert kohya_name("text_encoder.encoder.layers.1.mlp.fc2") == "lora_te_text_model_encoder_layers_1_mlp_fc2"


PATTERNS = {
    "unet": {"to_q": 7, "attn2.to_v": 5, "down_blocks.0.resnets.0.conv1": 9, "up.*proj_in": 4},
    "text_encoder": {"layers.1.self_attn.q_proj": 11, "fc1": 6},
}


@pytest.mark.parametrize("prefix", ["", "text_model."])
def test_patterns_of_alphas_and_ranks_scale_as_in_peft(small: Path, tmp_path: Path, prefix: str) -> None:
    """A pattern is the end of a layer's name, or a regular expression for it; ``prefix``: of older text encoders."""
    from peft import LoraConfig, get_peft_model_state_dict

    torch.manual_seed(1)
    pipe, tensors, settings, scales = pipeline(small), {}, {}, {}
    for name, targets in TARGETS.items():
        network, alphas = getattr(pipe, name), PATTERNS[name]
        ranks = dict.fromkeys(list(alphas)[:1], 2)
        network.add_adapter(LoraConfig(r=3, target_modules=targets, rank_pattern=ranks, alpha_pattern=alphas))
        inner = prefix if name == "text_encoder" else ""
        tensors |= {f"{name}.{inner}{key}": tensor for key, tensor in get_peft_model_state_dict(network).items()}
        whole = {"layers.1.self_attn.q_proj": f"{inner}encoder.layers.1.self_attn.q_proj"}
        told = {whole.get(key, key): alpha for key, alpha in alphas.items()}
        settings |= {f"{name}.r": 3, f"{name}.lora_alpha": 8, f"{name}.alpha_pattern": told}
        modules = {key: module for key, module in network.named_modules() if hasattr(module, "scaling")}
        scales |= {f"{name}.{key}": module.scaling["default"] for key, module in modules.items()}
    assert len(set(scales.values())) > 6
    save_file(tensors, tmp_path / "a.safetensors", {"lora_adapter_metadata": json.dumps(settings)})
    layers = read_lora(tmp_path / "a.safetensors", small).layers
    assert {name: layer.alpha / layer.rank for name, layer in layers.items()} == pytest.approx(scales)
