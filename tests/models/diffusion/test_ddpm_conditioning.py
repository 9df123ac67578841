import torch

from ldm.randomness import generator
from tests.models.diffusion.conftest import (
    BOTH,
    PEOPLE,
    Make,
    faces,
)

PLAIN = ["a photo of a face", "flasks, kiosks and tom hanks", ""]


def test_prompts_without_people_are_untouched_bit_for_bit(make: Make) -> None:
    with torch.no_grad():
        expected = make().get_learned_conditioning(PLAIN).context
        for method in (PEOPLE, BOTH):
            model = make(method)
            assert model.get_learned_conditioning(PLAIN).context.equal(expected)
            given = {"vectors": torch.randn(3, 2, 2, 32)}
            assert model.get_learned_conditioning(PLAIN, given).context.equal(expected)  # type: ignore[arg-type]


def test_each_prompt_of_a_batch_has_its_own_people(make: Make) -> None:
    model = make(PEOPLE).eval()
    vectors = torch.randn(2, 2, 2, 32, generator=generator(0)) * 0.1
    prompts = ["a photo of sks and ks", "ks"]
    with torch.no_grad():
        both = model.get_learned_conditioning(prompts, {"vectors": vectors}).context
        for row in (0, 1):
            alone = model.get_learned_conditioning(prompts[row : row + 1], {"vectors": vectors[row : row + 1]}).context
            torch.testing.assert_close(both[row], alone[0], atol=1e-5, rtol=1e-5)
        other = model.get_learned_conditioning(prompts, {"vectors": vectors.flip(0)}).context
    assert not torch.allclose(both, other, atol=1e-4)


def test_at_the_basis_mean_everybody_is_the_average_name(make: Make) -> None:
    model = make(PEOPLE).eval()
    basis = model.cond_stage_model.celeb_basis
    assert basis is not None
    with torch.no_grad():
        start = model.get_learned_conditioning(["sks"], {"faces": faces(3)[None], "ids": torch.tensor([[0]])}).context
        mean = model.get_learned_conditioning(["sks"], {"vectors": basis.mean[None, None]}).context
    assert start.equal(mean)
