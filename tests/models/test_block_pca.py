from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from einops import rearrange
from torch import Tensor

from ldm.models.block_pca import as_images, block_components, blocks_of, write_block_pca
from ldm.randomness import generator

WIDTHS, CHANNELS = (24, 48, 96, 128), 24


def network(**changes: Any) -> AutoencoderKL:
    options: dict[str, Any] = {
        "block_out_channels": WIDTHS,
        "latent_channels": CHANNELS,
        "down_block_types": ("DownEncoderBlock2D",) * len(changes.get("block_out_channels", WIDTHS)),
        "up_block_types": ("UpDecoderBlock2D",) * len(changes.get("block_out_channels", WIDTHS)),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "sample_size": 32,
        "mid_block_add_attention": False,
    }
    return AutoencoderKL(**(options | changes)).eval()


@pytest.fixture(scope="module")
def images(astronaut: Any) -> Tensor:
    """64 pieces of a photo, 32 x 32."""
    photo = as_images(np.array(astronaut.resize((256, 256)))[None])[0]
    return rearrange(photo, "c (y h) (x w) -> (y x) c h w", h=32, w=32)


@pytest.fixture(scope="module")
def written(images: Tensor) -> AutoencoderKL:
    vae = network()
    write_block_pca(vae, images)
    return vae


@torch.no_grad()
def posterior(vae: AutoencoderKL, images: Tensor) -> Any:
    return vae.encode(images).latent_dist


def linear_code(images: Tensor, channels: int = CHANNELS, whitening: float = 0.5) -> Tensor:
    """(N, c, h, w) by the formula: components of each block, scaled to sigma ** (1 - whitening), together of rms 1."""
    rows = blocks_of(images).double()
    mean = rows.mean(0)
    _, singular, axes = torch.linalg.svd(rows - mean, full_matrices=False)
    sigma = (singular / (len(rows) - 1) ** 0.5)[:channels]
    code = (rows - mean) @ axes[:channels].T / sigma**whitening
    code = code / (sigma ** (1 - whitening)).square().mean().sqrt()
    return rearrange(code, "(n y x) c -> n c y x", y=4, x=4).float()


def test_blocks_are_cut_channel_first(images: Tensor) -> None:
    blocks = blocks_of(images)
    assert blocks.shape == (64 * 16, 192)
    assert blocks[17].reshape(3, 8, 8).equal(images[1, :, 0:8, 8:16])


def test_the_encoder_is_the_linear_code(written: AutoencoderKL, images: Tensor) -> None:
    means, code = posterior(written, images).mean, linear_code(images)
    signs = (means * code).sum((0, 2, 3), keepdim=True).sign()
    error = (means * signs - code).abs()
    assert error.mean() < 1e-3 * code.std()
    assert error.max() < 5e-3 * code.abs().max()
    assert (error.square().mean((0, 2, 3)) / code.square().mean((0, 2, 3))).sqrt().max() < 5e-3, "in every channel"


def test_it_is_so_for_pictures_it_was_not_made_of(written: AutoencoderKL, images: Tensor) -> None:
    mean, axes, _ = block_components(images, CHANNELS)
    others = torch.rand(4, 3, 32, 64, generator=generator(1)) * 2 - 1
    means = rearrange(posterior(written, others).mean, "n c y x -> (n y x) c")
    plain = (blocks_of(others) - mean) @ axes.T
    gains = (means * plain).sum(0) / plain.square().sum(0)
    torch.testing.assert_close(means, plain * gains, atol=0.02 * float(means.std()), rtol=0)


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_whitening_sets_the_deviations_of_the_channels(images: Tensor, whitening: float) -> None:
    vae = network()
    write_block_pca(vae, images, whitening)
    deviations = posterior(vae, images).mean.std((0, 2, 3))
    _, _, sigma = block_components(images, CHANNELS)
    expected = sigma ** (1 - whitening)
    torch.testing.assert_close(deviations, expected / expected.square().mean().sqrt(), rtol=0.01, atol=0)


def test_the_posterior_has_no_noise(written: AutoencoderKL, images: Tensor) -> None:
    assert posterior(written, images).std.max() < 1e-6


def test_nothing_is_lost_by_saving_in_half_precision(written: AutoencoderKL, images: Tensor, tmp_path: Path) -> None:
    exact = posterior(written, images).mean
    half = network()
    half.load_state_dict({name: tensor.half() for name, tensor in written.state_dict().items()})
    half.save_pretrained(tmp_path)
    again = AutoencoderKL.from_pretrained(tmp_path)
    error = (posterior(again, images).mean - exact).square().mean().sqrt()
    assert error < 2e-3 * exact.std()


def test_half_precision_arithmetic_stays_near(written: AutoencoderKL, images: Tensor) -> None:
    exact = posterior(written, images).mean
    with torch.autocast("cpu", torch.bfloat16):
        rough = posterior(written, images).mean.float()
    assert (rough - exact).square().mean().sqrt() < 0.03 * exact.std()


@pytest.mark.parametrize(
    ("channels", "widths", "groups"), [(4, (12, 48, 48, 64), 4), (6, (16, 64, 48, 56), 4), (16, (32, 64, 64, 96), 8)]
)
def test_other_sizes_with_room(images: Tensor, channels: int, widths: tuple[int, ...], groups: int) -> None:
    vae = network(latent_channels=channels, block_out_channels=widths, norm_num_groups=groups, layers_per_block=2)
    write_block_pca(vae, images)
    means, code = posterior(vae, images).mean, linear_code(images, channels)
    signs = (means * code).sum((0, 2, 3), keepdim=True).sign()
    assert (means * signs - code).square().mean().sqrt() < 5e-3 * code.std()


@pytest.mark.parametrize(
    ("channels", "widths"),
    [
        (24, (8, 48, 96, 128)),
        (24, (24, 40, 96, 128)),
        (4, (24, 48, 40, 128)),
        (32, (24, 48, 56, 128)),
        (24, (24, 48, 96, 32)),
        (24, (24, 48, 128, 128)),
        (4, (24, 48, 96)),
    ],
)
def test_an_architecture_without_room_is_refused(images: Tensor, channels: int, widths: tuple[int, ...]) -> None:
    vae = network(latent_channels=channels, block_out_channels=widths)
    with pytest.raises(ValueError, match=rf"widths \[{', '.join(map(str, widths))}\] has no room for a linear code"):
        write_block_pca(vae, images)


def test_attention_in_the_middle_is_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match="attention in the middle is not linear: set mid_block_add_attention to false"):
        write_block_pca(network(mid_block_add_attention=True), images)


def test_bytes_become_images() -> None:
    images = as_images(np.array([[[[0, 255, 51]]]], np.uint8))
    assert images.shape == (1, 3, 1, 1)
    torch.testing.assert_close(images.flatten(), torch.tensor([-1.0, 1.0, -0.6]))
