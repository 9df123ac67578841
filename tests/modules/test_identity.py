from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F

from ldm.modules.identity import FaceToCoefficients, IdentityMemory


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def unit_faces(count: int, width: int) -> Tensor:
    return torch.nn.functional.normalize(draws(count, width), dim=-1)


def num_trained(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


# --- memory


def test_the_first_update_is_remembered_without_bias() -> None:
    memory = IdentityMemory(3, 2, 4, 0.99)
    value = draws(1, 2, 4)
    memory.update(torch.tensor([1]), value)
    torch.testing.assert_close(memory.coefficients(1), value[0])
    assert memory.trained() == [1]


def test_many_updates_give_the_published_mean_without_its_start() -> None:
    memory, biased = IdentityMemory(1, 2, 4, 0.99), torch.zeros(2, 4)
    for step in range(50):
        value = draws(1, 2, 4, seed=step)
        memory.update(torch.tensor([0]), value)
        biased = 0.99 * biased + 0.01 * value[0]
    torch.testing.assert_close(memory.coefficients(0), biased / (1 - 0.99**50), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("updates", "residual"), [(200, 0.13398), (400, 0.01795), (800, 3.22e-4)])
def test_what_the_start_would_still_weigh_is_the_published_residual(updates: int, residual: float) -> None:
    memory = IdentityMemory(1, 1, 1, 0.99)
    for _ in range(updates):
        memory.update(torch.tensor([0]), torch.ones(1, 1, 1))
    assert 1 - float(memory.weight[0]) == pytest.approx(residual, rel=2e-3)
    assert float(memory.coefficients(0)) == pytest.approx(1, abs=1e-5)


def test_a_person_twice_in_a_batch_counts_twice_in_any_order() -> None:
    values = draws(3, 2, 4)
    one, other = IdentityMemory(2, 2, 4, 0.9), IdentityMemory(2, 2, 4, 0.9)
    one.update(torch.tensor([0, 1, 0]), values)
    other.update(torch.tensor([0, 0, 1]), values[[2, 0, 1]])
    torch.testing.assert_close(one.coefficients(0), values[[0, 2]].mean(0))
    torch.testing.assert_close(one.total, other.total)
    torch.testing.assert_close(one.weight, torch.tensor([1 - 0.9**2, 1 - 0.9]))


def test_nobody_changes_nobody() -> None:
    memory = IdentityMemory(2, 2, 4, 0.9)
    memory.update(torch.tensor([-1, 0]), draws(2, 2, 4))
    before = memory.total.clone()
    memory.update(torch.tensor([-1]), draws(1, 2, 4))
    memory.update(torch.empty(0, dtype=torch.int64), torch.empty(0, 2, 4))
    assert memory.total.equal(before)
    assert memory.trained() == [0]


def test_the_memory_keeps_no_graph() -> None:
    memory = IdentityMemory(1, 2, 4, 0.9)
    memory.update(torch.tensor([0]), draws(1, 2, 4).requires_grad_())
    assert not memory.coefficients(0).requires_grad
    assert set(memory.state_dict()) == {"total", "weight"}


def test_half_precision_values_are_kept_in_full() -> None:
    memory = IdentityMemory(1, 2, 4, 0.9)
    memory.update(torch.tensor([0]), draws(1, 2, 4).half())
    assert memory.total.dtype == torch.float32


def test_a_person_never_trained_is_an_error() -> None:
    memory = IdentityMemory(3, 2, 4, 0.9)
    with pytest.raises(LookupError, match="person 0 has not been trained; trained: nobody"):
        memory.coefficients(0)
    memory.update(torch.tensor([2, 1]), draws(2, 2, 4))
    with pytest.raises(LookupError, match="person 7 has not been trained; trained: 1, 2"):
        memory.coefficients(7)


def test_a_person_past_max_ids_is_an_error() -> None:
    memory = IdentityMemory(3, 2, 4, 0.9)
    with pytest.raises(IndexError, match="person 3 has no place: max_ids is 3, so people are 0 to 2"):
        memory.update(torch.tensor([3]), draws(1, 2, 4))
    with pytest.raises(IndexError, match="person 3 has no place: max_ids is 3"):
        memory.remember(3, draws(2, 4))


def test_remembered_coefficients_come_back() -> None:
    memory, value = IdentityMemory(3, 2, 4, 0.9), draws(2, 4)
    memory.remember(2, value)
    assert memory.coefficients(2).equal(value)
    with pytest.raises(ValueError, match=r"coefficients are \(4, 2\), not \(2, 4\) \(E, K\)"):
        memory.remember(0, draws(4, 2))


def test_impossible_momentum_is_an_error() -> None:
    with pytest.raises(ValueError, match="momentum is 1"):
        IdentityMemory(1, 2, 4, 1.0)


def seen(step: int) -> tuple[Tensor, Tensor]:
    """What all processes see at a step: five places, one of them empty."""
    return torch.tensor([step % 3, 0, 1, -1, 0]), draws(5, 2, 4, seed=step)


def one_process_of_two(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    memory = IdentityMemory(3, 2, 4, 0.9)
    for step in range(6):
        ids, values = seen(step)
        own = slice(0, 2) if rank == 0 else slice(2, 5)  # processes may hold different numbers
        if step == 4:  # and one of them nothing at all
            own = slice(0, 5) if rank == 0 else slice(0, 0)
        memory.update(ids[own], values[own])
    torch.save(memory.state_dict(), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    alone = IdentityMemory(3, 2, 4, 0.9)
    for step in range(6):
        alone.update(*seen(step))
    torch.multiprocessing.spawn(one_process_of_two, args=(str(tmp_path),), nprocs=2)
    states = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    for name, value in alone.state_dict().items():
        assert states[0][name].equal(states[1][name])
        torch.testing.assert_close(states[0][name], value)


# --- head


@pytest.mark.parametrize(("depth", "parameters"), [(1, 525_312), (2, 525_312 + 1_051_648)])
def test_published_number_of_trained_parameters(depth: int, parameters: int) -> None:
    assert num_trained(FaceToCoefficients(512, 2, 512, depth)) == parameters
    assert num_trained(FaceToCoefficients(512, 2, 512, depth, scale=torch.ones(2, 512))) == parameters


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_published_coefficients_have_norm_one(depth: int) -> None:
    coefficients = FaceToCoefficients(16, 2, 8, depth)(unit_faces(5, 16))
    assert coefficients.shape == (5, 2, 8)
    torch.testing.assert_close(coefficients.norm(dim=-1), torch.ones(5, 2))


def test_published_layers_follow_the_formula() -> None:
    head, faces = FaceToCoefficients(16, 2, 8, 2), unit_faces(3, 16)
    (first, second), norm = head.layers, head.norms[0]
    leaky = torch.nn.LeakyReLU(0.2)
    x = leaky(faces @ first.weight.T + first.bias)
    x = x + leaky(norm(x) @ second.weight.T + second.bias)
    x = x.reshape(3, 2, 8)
    torch.testing.assert_close(head(faces), x / x.norm(dim=-1, keepdim=True))


def test_published_weights_start_from_a_standard_normal() -> None:
    torch.manual_seed(0)
    layer = FaceToCoefficients(64, 2, 64).layers[0]
    assert float(layer.weight.detach().std()) == pytest.approx(1, abs=0.05)
    assert (layer.bias == 0).all()


@pytest.mark.parametrize("depth", [1, 2])
def test_on_the_names_scale_the_start_is_the_basis_mean_and_can_be_left(depth: int) -> None:
    head, faces = FaceToCoefficients(16, 2, 8, depth, scale=torch.ones(2, 8)), unit_faces(5, 16)
    assert (head(faces) == 0).all()
    (head(faces) - draws(5, 2, 8)).square().sum().backward()
    assert (head.layers[-1].weight.grad.abs() > 0).any()


def test_the_scale_multiplies_each_component() -> None:
    scale = draws(2, 8).abs()
    scale[1, 5:] = 0  # past the rank
    head = FaceToCoefficients(16, 2, 8, scale=scale)
    torch.nn.init.normal_(head.layers[0].weight, std=0.2)
    faces = unit_faces(5, 16)
    torch.testing.assert_close(head(faces), (faces @ head.layers[0].weight.T).reshape(5, 2, 8) * scale)
    assert (head(faces)[:, 1, 5:] == 0).all()
    assert "scale" not in head.state_dict()


def test_nobody_is_farther_from_the_mean_than_names_are() -> None:
    scale = draws(2, 8).abs() + 0.1
    head, faces = FaceToCoefficients(16, 2, 8, scale=scale), unit_faces(5, 16)
    torch.nn.init.normal_(head.layers[0].weight, std=50)
    wanted = (faces @ head.layers[0].weight.T).reshape(5, 2, 8)
    inside = head(faces) / scale
    torch.testing.assert_close(inside.square().mean(-1), torch.ones(5, 2))
    torch.testing.assert_close(F.cosine_similarity(inside, wanted, dim=-1), torch.ones(5, 2))


def test_autocast_leaves_the_coefficients_exact() -> None:
    head, faces = FaceToCoefficients(16, 2, 8), unit_faces(5, 16)
    exact = head(faces)
    with torch.autocast("cpu", torch.bfloat16):
        assert head(faces).equal(exact)


def test_wrong_sizes_are_errors() -> None:
    with pytest.raises(ValueError, match="meta_mlp_depth is 0; at least one layer"):
        FaceToCoefficients(16, 2, 8, 0)
    with pytest.raises(ValueError, match=r"scale is \(8, 2\), not \(2, 8\) \(E, K\)"):
        FaceToCoefficients(16, 2, 8, scale=torch.ones(8, 2))


def test_nobody_leaves_no_trace_even_of_numbers_that_are_none() -> None:
    memory, value = IdentityMemory(2, 2, 4, 0.9), draws(1, 2, 4)
    memory.update(torch.tensor([-1, 1, -1]), torch.cat([torch.full_like(value, torch.nan), value, value + 5]))
    assert memory.trained() == [1]
    torch.testing.assert_close(memory.coefficients(1), value[0])
    assert not memory.total[0].any()
