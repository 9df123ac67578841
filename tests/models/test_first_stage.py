from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKL

from ldm.models.first_stage import decode, downscale, encode
from ldm.randomness import generator


@pytest.fixture(scope="module")
def vae(tiny_model: Path) -> AutoencoderKL:
    vae = AutoencoderKL.from_pretrained(tiny_model / "vae").eval()
    vae.register_to_config(scaling_factor=0.18215)
    return vae


def pictures(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=generator(0)) * 2 - 1


def test_latents_are_scaled_posterior_means(vae: AutoencoderKL) -> None:
    with torch.no_grad():
        mean = vae.encode(pictures()).latent_dist.mean
    torch.testing.assert_close(encode(vae, pictures()), mean * 0.18215)
    assert not encode(vae, pictures()).requires_grad


def test_a_sample_of_the_posterior_comes_from_its_draws_alone(vae: AutoencoderKL) -> None:
    state = torch.get_rng_state()
    first, again = (encode(vae, pictures(), generator(3)) for _ in range(2))
    assert first.equal(again)
    assert torch.equal(state, torch.get_rng_state())
    with torch.no_grad():
        posterior = vae.encode(pictures()).latent_dist
    noise = torch.randn(posterior.mean.shape, generator=generator(3))
    torch.testing.assert_close(first, (posterior.mean + posterior.std * noise) * 0.18215)


def test_decoding_undoes_the_scale_and_stays_in_range(vae: AutoencoderKL) -> None:
    latents = encode(vae, pictures())
    with torch.no_grad():
        decoded = vae.decode(latents / 0.18215).sample
    torch.testing.assert_close(decode(vae, latents), decoded.clamp(-1, 1))
    assert decode(vae, latents * 1000).abs().max() <= 1


def test_a_half_precision_first_stage_takes_and_gives_float32(vae: AutoencoderKL, tiny_model: Path) -> None:
    half = AutoencoderKL.from_pretrained(tiny_model / "vae", torch_dtype=torch.bfloat16).eval()
    latents = encode(half, pictures())
    decoded = decode(half, latents.float())
    assert decoded.dtype == torch.float32


def test_each_level_but_the_last_halves() -> None:
    for widths, pixels in (((8, 8), 2), ((1, 2, 3, 4), 8), ((8,), 1)):
        assert downscale(SimpleNamespace(config=SimpleNamespace(block_out_channels=widths))) == pixels
