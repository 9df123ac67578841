"""Single files: what is in them arrives where it belongs, and what is not a model is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ldm.weights.compvis import LIKE_SD1, VOCABULARY, empty_networks
from ldm.weights.family import CLIP, UNET, VAE
from ldm.weights.read import ModelDefaults, read_model, read_words
from tests.weights.sd1_files import random_networks, write_single


@pytest.fixture
def plain(tmp_path: Path, like: Path) -> Path:
    return write_single(tmp_path / "plain.safetensors", like)


def states(parts: Any) -> dict[str, dict[str, Tensor]]:
    return {name: network.state_dict() for name, network in parts.networks().items()}


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(one[name].equal(two[name]) for name in one)


def test_every_weight_arrives(single: Path, plain: Path, like: Path) -> None:
    expected = {name: network.state_dict() for name, network in random_networks(like, torch.float32).items()}
    for path in (single, plain):
        parts = read_model(path, like=like)
        assert all(same(expected[name], state) for name, state in states(parts).items())
        assert not any(network.training for network in parts.networks().values())
    assert parts.folder == plain
    assert parts.defaults == ModelDefaults()
    assert parts.sample_size_px == 16
    assert len(parts.tokenizer) == parts.text_encoder.config.vocab_size == VOCABULARY
    assert parts.scheduler.config.prediction_type == "epsilon"


def test_averaged_weights_are_taken_when_asked_for(single: Path, plain: Path, like: Path) -> None:
    raw, averaged = states(read_model(single, like=like)), states(read_model(single, ema=True, like=like))
    assert same({name: tensor * 0.5 for name, tensor in raw["unet"].items()}, averaged["unet"])
    assert same(raw["vae"], averaged["vae"])
    assert same(raw["text_encoder"], averaged["text_encoder"])
    with pytest.raises(ValueError, match=r"plain\.safetensors holds no averaged weights \(EMA\): take the plain ones"):
        read_model(plain, ema=True, like=like)


def test_weights_of_the_wanted_type_are_not_copied(plain: Path, like: Path) -> None:
    parts = read_model(plain, torch.bfloat16, like=like)
    for network in parts.networks().values():
        assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}
        assert all(buffer.device.type == "cpu" for buffer in network.buffers())


def test_it_draws_and_can_be_trained(single: Path, like: Path) -> None:
    """The weights lie in a file that is only read: training must not reach it, and gradients must flow."""
    parts = read_model(single, like=like)
    parts.unet(torch.zeros(1, 4, 8, 8), 3, torch.zeros(1, 77, 32)).sample.sum().backward()
    before = single.read_bytes()
    with torch.no_grad():
        for parameter in parts.unet.parameters():
            parameter -= parameter.grad
    assert single.read_bytes() == before


def test_older_files_hold_positions_and_other_things(plain: Path, like: Path) -> None:
    more = {
        f"{CLIP}text_model.embeddings.position_ids": torch.arange(77)[None],
        "alphas_cumprod": torch.ones(1000),
        "model_ema.num_updates": torch.tensor(3),
    }
    save_file({**load_file(plain), **more}, plain)
    read_model(plain, like=like)


@pytest.mark.parametrize("prefix", [UNET, VAE, CLIP])
def test_weights_that_do_not_fit_are_refused(plain: Path, like: Path, prefix: str) -> None:
    whole = load_file(plain)
    name = min(key for key in whole if key.startswith(prefix) and key.endswith("bias"))
    save_file({key: tensor for key, tensor in whole.items() if key != name}, plain)
    with pytest.raises(ValueError, match=r"plain\.safetensors \(\w+\) are not those of its architecture \(1 missing: "):
        read_model(plain, like=like)
    save_file({**whole, name: torch.zeros(3)}, plain)
    with pytest.raises(ValueError, match=r"\(1 of another shape: .* \(3,\) instead of \(\d+,\)\)"):
        read_model(plain, like=like)
    save_file({**whole, f"{prefix}foreign.weight": torch.zeros(3)}, plain)
    with pytest.raises(ValueError, match=r"1 of the \d+ weights of its \w+ have no place|1 unknown: foreign\.weight"):
        read_model(plain, like=like)


def test_files_of_another_family_are_named(tmp_path: Path, plain: Path) -> None:
    path = tmp_path / "person.safetensors"
    save_file({"lora_unet_mid_block.lora_down.weight": torch.zeros(4, 4)}, path)
    with pytest.raises(ValueError, match=r"person\.safetensors is a LoRA in kohya's form; a single file of Stable"):
        read_model(path)
    save_file({"decoder.conv_in.weight": torch.zeros(4, 4, 3, 3)}, path)
    with pytest.raises(ValueError, match=r"person\.safetensors is a VAE; a single file of Stable Diffusion 1\.x is ne"):
        read_words(path)
    with pytest.raises(ValueError, match=r"\(unet\) are not those of its architecture .*another shape"):
        read_model(plain)


def test_a_tokenizer_of_another_size_is_refused(plain: Path, like: Path, root: Path, tmp_path: Path) -> None:
    import shutil

    other = shutil.copytree(like, tmp_path / "other")
    shutil.copytree(root / "tests/golden/clip_words", other / "tokenizer", dirs_exist_ok=True)
    with pytest.raises(ValueError, match=r"tokenizer has \d+ entries, the text encoder 49408; one of them is foreign"):
        read_model(plain, like=other)


def test_the_configs_that_come_along_are_those_of_stable_diffusion_1() -> None:
    """The numbers of tensors and parameters of the published file; and CLIP's words."""
    networks = empty_networks(LIKE_SD1)
    assert {name: len(network.state_dict()) for name, network in networks.items()} == {
        "unet": 686, "vae": 248, "text_encoder": 196,
    }  # fmt: skip
    sizes = {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}
    assert sizes == {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480}
    assert (LIKE_SD1 / "tokenizer" / "LICENSE").read_text().startswith("MIT License")


def test_the_words_of_a_single_file_are_known_without_its_weights(tmp_path: Path) -> None:
    path = tmp_path / "sd.safetensors"
    shapes = {f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3), f"{VAE}encoder.conv_in.weight": (128, 3, 3, 3)}
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, path)
    with pytest.raises(ValueError, match=r"sd\.safetensors lacks its text encoder \(cond_stage_model\.transf"):
        read_words(path)
    shapes[f"{CLIP}text_model.embeddings.token_embedding.weight"] = (4, 768)
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, path)
    tokenizer, width = read_words(path)
    assert width == 768
    assert tokenizer("a photo of sks").input_ids == [49406, 320, 1125, 539, 48136, 49407]
    assert (len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id) == (VOCABULARY, 49406, 49407)


def test_what_is_missing_of_a_single_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no model at .*none\.ckpt"):
        read_model(tmp_path / "none.ckpt")
