"""The way from one noise to another."""

import pytest
import torch

from ldm.randomness import generator
from ldm.runs.between import slerp


def test_noise_between_two_noises_has_their_norm() -> None:
    first, last = (torch.randn(4, 32, 32, generator=generator(seed)) for seed in (1, 2))
    assert slerp(first, last, 0.0).allclose(first, atol=1e-5)
    assert slerp(first, last, 1.0).allclose(last, atol=1e-5)
    middle = slerp(first, last, 0.5)
    assert float(middle.std()) == pytest.approx(1.0, abs=0.06)
    assert float(torch.lerp(first, last, 0.5).std()) == pytest.approx(0.5**0.5, abs=0.04), "which a line does not keep"
    assert float((middle * first).mean()) == pytest.approx(float((middle * last).mean()), abs=0.06)


def test_where_both_are_the_same() -> None:
    noise = torch.randn(4, 8, 8, generator=generator(1))
    assert slerp(noise, noise, 0.3).allclose(noise)
