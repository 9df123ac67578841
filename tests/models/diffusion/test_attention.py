from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0
from pytorch_lightning.strategies import SingleDeviceStrategy

from ldm.models.diffusion.attention import suit_device, use_eager_attention, use_plain_attention
from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.randomness import generator
from tests.models.diffusion.conftest import FINETUNE_BOTH, Make, a_batch


def gradients(model: LatentDiffusion) -> tuple[torch.Tensor, torch.Tensor]:
    batch: Any = a_batch() | {"caption": ["a photo of a face", "tom hanks"]}
    loss = model.loss(batch, generator(5))
    return loss.detach(), torch.cat(
        [grad.flatten() for grad in torch.autograd.grad(loss, [*model.trained_parameters().values()])]
    )


def test_plain_attention_is_the_fused_one(make: Make) -> None:
    model = make(FINETUNE_BOTH)
    assert all(isinstance(processor, AttnProcessor2_0) for processor in model.unet.attn_processors.values())
    assert model.cond_stage_model.transformer.config._attn_implementation == "sdpa"
    loss, grads = gradients(model)
    use_plain_attention(model.unet)
    use_eager_attention(model.cond_stage_model.transformer)
    assert not any(isinstance(processor, AttnProcessor2_0) for processor in model.unet.attn_processors.values())
    assert model.cond_stage_model.transformer.config._attn_implementation == "eager"
    plain_loss, plain_grads = gradients(model)
    torch.testing.assert_close(plain_loss, loss, atol=1e-5, rtol=0)
    torch.testing.assert_close(plain_grads, grads, atol=1e-5, rtol=1e-4)


def test_a_cpu_trains_with_plain_attention(make: Make) -> None:
    model = make(FINETUNE_BOTH)
    suit_device(model.unet, model.cond_stage_model.transformer, SingleDeviceStrategy(torch.device("cpu")), False)
    assert model.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    assert not any(isinstance(processor, AttnProcessor2_0) for processor in model.unet.attn_processors.values())


@pytest.mark.parametrize(("size", "plain"), [(8, True), (32, True), (64, False)])
def test_large_latents_keep_the_fused_kernel_for_its_memory(size: int, plain: bool) -> None:
    unet = UNet2DConditionModel(
        sample_size=size, block_out_channels=(4,), norm_num_groups=2, cross_attention_dim=4, attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",), layers_per_block=1,
    )  # fmt: skip
    use_plain_attention(unet)
    assert all(isinstance(one, AttnProcessor2_0) != plain for one in unet.attn_processors.values())
