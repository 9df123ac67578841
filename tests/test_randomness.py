import torch

from ldm.randomness import generator


def test_the_same_place_gives_the_same_numbers() -> None:
    first = torch.randn(4, generator=generator(23, "noise", 7, 0))
    torch.randn(100)
    assert torch.equal(first, torch.randn(4, generator=generator(23, "noise", 7, 0)))


def test_any_other_place_gives_others() -> None:
    places = [(23, "noise", 7, 0), (24, "noise", 7, 0), (23, "steps", 7, 0), (23, "noise", 8, 0), (23, "noise", 7, 1)]
    draws = {tuple(torch.randn(4, generator=generator(seed, *place)).tolist()) for seed, *place in places}
    assert len(draws) == len(places)


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    torch.randn(4, generator=generator(0))
    assert torch.equal(before, torch.get_rng_state())
