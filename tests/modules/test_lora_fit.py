"""Whether a LoRA belongs to a model."""

import re

import pytest
import torch
from torch import nn

from ldm.modules.lora_fit import layer_of, matching_layers, require_fit


class Attention(nn.Module):
    """Two layers as a UNet calls them."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.to_q, self.conv = nn.Linear(width, 6), nn.Conv2d(4, 5, 3)
        self.to_out = nn.ModuleList([nn.Linear(6, width)])


NETWORKS = {"unet": nn.ModuleDict({"attn": Attention()})}
FITTING = {
    "unet.attn.to_q.lora_A.weight": torch.zeros(2, 8),
    "unet.attn.to_q.lora_B.weight": torch.zeros(6, 2),
    "unet.attn.to_q.lora_magnitude_vector": torch.zeros(6),
    "unet.attn.conv.lora_A.weight": torch.zeros(2, 4, 3, 3),
    "unet.attn.conv.lora_B.weight": torch.zeros(5, 2, 1, 1),
}


def test_the_layer_of_a_tensor() -> None:
    assert layer_of("down.0.to_q.lora_A.weight") == "down.0.to_q"
    assert layer_of("down.0.to_q.weight") is None


def test_layers_are_found_by_the_ends_of_their_names() -> None:
    assert list(matching_layers(NETWORKS["unet"], ["to_q", "to_out.0"])) == ["attn.to_q", "attn.to_out.0"]
    with pytest.raises(ValueError, match=r"no layer of ModuleDict .* ends in 'q'; there are conv, to_out\.0, to_q"):
        matching_layers(NETWORKS["unet"], ["q"])


def test_what_fits_is_given_back() -> None:
    assert require_fit(FITTING, NETWORKS) == FITTING


def test_unmatched_keys_are_listed_and_refused_unless_told() -> None:
    more = FITTING | {f"unet.mid.{n}.to_q.lora_A.weight": torch.zeros(2, 8) for n in range(10)}
    with pytest.raises(ValueError, match=r"not all of this model: 10 of its 15 tensors do not fit") as caught:
        require_fit(more, NETWORKS)
    assert "unet.mid.0.to_q.lora_A.weight: unet has no such layer" in str(caught.value)
    assert str(caught.value).endswith("and 2 more")
    assert require_fit(more, NETWORKS, ignore_unmatched=True) == FITTING


@pytest.mark.parametrize(
    ("key", "shape", "message"),
    [
        ("unet.attn.to_q.lora_A.weight", (2, 77), "the layer takes 77 numbers there, 8 here"),
        ("unet.attn.to_q.lora_B.weight", (77, 2), "the layer gives 77 numbers there, 6 here"),
    ],
)
def test_layers_of_another_size_are_another_base_model(key: str, shape: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"of another base model: 1 of its 5 .*\n  {re.escape(key)}: {message}"):
        require_fit(FITTING | {key: torch.zeros(shape)}, NETWORKS)


def test_other_tensors_and_other_networks_are_said() -> None:
    with pytest.raises(ValueError, match=r"unet\.attn\.to_q\.weight: no tensor of a LoRA"):
        require_fit(FITTING | {"unet.attn.to_q.weight": torch.zeros(1)}, NETWORKS)
    with pytest.raises(ValueError, match=r"text_encoder is not changed here; there is unet"):
        require_fit(FITTING | {"text_encoder.a.lora_A.weight": torch.zeros(1, 1)}, NETWORKS)


def test_a_file_of_which_nothing_fits_is_refused_even_if_told() -> None:
    with pytest.raises(ValueError, match="nothing in the LoRA fits this model: none of its 1 tensors"):
        require_fit({"unet.x.lora_A.weight": torch.zeros(1, 1)}, NETWORKS, ignore_unmatched=True)
