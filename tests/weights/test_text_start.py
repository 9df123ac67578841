from copy import deepcopy
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from ldm.weights.text_start import CONTEXT_SCALE, POOLED_SCALE, start_text_side

IDS = torch.randint(1, 40, (64, 8), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def parts() -> tuple[Any, Any]:
    torch.manual_seed(3)
    text = CLIPTextModel(
        CLIPTextConfig(vocab_size=40, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
                       max_position_embeddings=8)
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=4, block_out_channels=(8,), norm_num_groups=2, cross_attention_dim=16, attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",), layers_per_block=1,
        addition_embed_type="text", addition_embed_type_num_heads=2,
    )  # fmt: skip
    start_text_side(unet, text, IDS)
    return unet.eval(), text.eval()


def test_context_is_close_to_the_normalized_row_at_its_position(parts: tuple[Any, Any]) -> None:
    _, text = parts
    embedded = text.text_model.embeddings(IDS) if hasattr(text, "text_model") else text.embeddings(IDS)
    expected = CONTEXT_SCALE * torch.nn.functional.layer_norm(embedded, embedded.shape[-1:])
    alike = torch.nn.functional.cosine_similarity(text(IDS).last_hidden_state, expected, dim=-1)
    assert float(alike.mean()) > 0.95


@torch.no_grad()
def test_the_pooled_prompt_is_centred_and_differs_between_prompts(parts: tuple[Any, Any]) -> None:
    unet, text = parts
    pooling = unet.add_embedding
    context = text(IDS).last_hidden_state
    projected = pooling.proj(pooling.pool(pooling.norm1(context)))
    torch.testing.assert_close(projected.mean(0), torch.zeros_like(projected[0]), atol=1e-4, rtol=0)
    assert float(projected.square().mean()) == pytest.approx(1, rel=1e-3)
    pooled = pooling(context)
    assert float(pooled.square().mean().sqrt()) == pytest.approx(POOLED_SCALE, rel=0.05)
    assert float(pooled.mean(0).norm()) < 0.3 * float(pooled.norm(dim=1).mean()), "prompts share little"


def test_the_unet_hears_little_by_cross_attention_yet_and_all_of_it_learns(parts: tuple[Any, Any]) -> None:
    unet, text = deepcopy(parts)
    torch.nn.init.zeros_(unet.add_embedding.norm2.weight)
    noisy, context = torch.randn(2, 4, 4, 4), text(IDS[:2]).last_hidden_state
    drawn, other = unet(noisy, 5, context).sample, unet(noisy, 5, context.flip(0)).sample
    assert float((drawn - other).norm()) < 0.02 * float(drawn.norm())
    drawn.square().mean().backward()
    heard = [parameter for name, parameter in unet.named_parameters() if "attn2" in name]
    assert all(parameter.grad.abs().sum() > 0 for parameter in heard)
