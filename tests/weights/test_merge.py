"""Averages, LoRAs put in and taken out: by their formulas."""

from pathlib import Path

import pytest
import torch

from ldm.weights.lora_files import Lora, LoraLayer
from ldm.weights.merge import extract_lora, low_rank, merge_lora, merge_models
from ldm.weights.read import Parts, read_model

LAYER = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"


def weight(parts: Parts, name: str = LAYER) -> torch.Tensor:
    part, _, layer = name.partition(".")
    return parts.networks()[part].get_submodule(layer).weight.detach()


def a_lora(rank: int = 2) -> Lora:
    torch.manual_seed(3)
    linear = LoraLayer(torch.randn(rank, 32), torch.randn(64, rank), 1.0)
    conv = LoraLayer(torch.randn(rank, 64, 3, 3), torch.randn(64, rank, 1, 1), 1.0)
    return Lora({LAYER: linear, "unet.mid_block.resnets.0.conv1": conv}, {})


@pytest.fixture
def parts(small: Path) -> Parts:
    return read_model(small, None)


def test_the_average_is_weighted(parts: Parts, single: Path, like: Path) -> None:
    averaged = read_model(single, None, ema=True, like=like)  # the UNet's weights are half of the plain ones
    before, bias = weight(parts).clone(), parts.vae.decoder.conv_in.bias.detach().clone()
    merge_models(parts, averaged, 0.25)
    assert torch.allclose(weight(parts), before * 0.875)
    assert parts.vae.decoder.conv_in.bias.equal(bias)


def test_the_vae_can_stay(parts: Parts, small: Path) -> None:
    other = read_model(small, None)
    other.vae.decoder.conv_in.bias.data += 1
    before = parts.vae.decoder.conv_in.bias.detach().clone()
    merge_models(parts, other, 1.0, without_vae=True)
    assert parts.vae.decoder.conv_in.bias.equal(before)
    merge_models(parts, other, 1.0)
    assert torch.allclose(parts.vae.decoder.conv_in.bias, before + 1)


def test_models_of_different_architectures_are_not_merged(parts: Parts, tiny_model: Path) -> None:
    with pytest.raises(
        ValueError, match=r"folder and .*tiny are of different architectures: \d+ weights differ in shape"
    ):
        merge_models(parts, read_model(tiny_model), 0.5)


def test_a_lora_in_the_weights_is_w_plus_ba(parts: Parts) -> None:
    lora, before = a_lora(), weight(parts).clone()
    merge_lora(parts, lora, 0.5)
    layer = lora.layers[LAYER]
    assert torch.allclose(weight(parts), before + 0.5 * 1 / 2 * layer.up @ layer.down, atol=1e-6)


def test_a_lora_of_another_base_is_refused(parts: Parts) -> None:
    before = weight(parts).clone()
    odd = {"unet.nowhere": LoraLayer(torch.zeros(2, 4), torch.zeros(4, 2), 2.0)}
    wide = {LAYER: LoraLayer(torch.zeros(2, 768), torch.zeros(64, 2), 2.0)}
    with pytest.raises(
        ValueError, match=r"of another base model than .*: 1 of its 3 layers do not fit\n  unet\.nowhere: n"
    ):
        merge_lora(parts, Lora(a_lora().layers | odd, {}))
    with pytest.raises(ValueError, match=rf"{LAYER}: \(64, 768\) in the LoRA, \(64, 32\) in the model"):
        merge_lora(parts, Lora(wide, {}))
    assert weight(parts).equal(before), "a LoRA that is refused leaves nothing behind"


def test_what_was_put_in_comes_out_again(parts: Parts, small: Path) -> None:
    lora = a_lora()
    merge_lora(parts, lora)
    found, share = extract_lora(read_model(small, None), parts, rank=2)
    assert set(found.layers) == set(lora.layers)
    assert share > 0.9999
    for name, layer in lora.layers.items():
        assert torch.allclose(found.layers[name].change(), layer.change(), atol=1e-4)


def test_a_smaller_rank_takes_the_largest_directions() -> None:
    change = torch.diag(torch.tensor([3.0, 2.0, 1.0]))
    layer, kept = low_rank(change, 2)
    assert torch.allclose(layer.change(), torch.diag(torch.tensor([3.0, 2.0, 0.0])), atol=1e-6)
    assert kept == pytest.approx(13)
    assert low_rank(change, 99)[0].rank == 3


def test_nothing_to_extract(parts: Parts, small: Path) -> None:
    with pytest.raises(ValueError, match=r"has the same layers as .*, number by number: nothing to extract"):
        extract_lora(read_model(small, None), parts, 4)


def test_a_row_of_zeros_stays_one() -> None:
    layer = LoraLayer(torch.zeros(1, 3), torch.zeros(2, 1), 1.0, torch.tensor([0.0, 2.0]))
    assert layer.changed(torch.tensor([[0.0, 0, 0], [1, 0, 0]])).tolist() == [[0, 0, 0], [2, 0, 0]]
