import pytest
import torch

from ldm.modules.principal import principal_components


def rows(count: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def test_axes_are_orthonormal_and_fall_in_variance() -> None:
    mean, axes, sigma, rank = principal_components(rows(40, 16))
    assert (mean.shape, axes.shape, sigma.shape, rank) == ((16,), (16, 16), (16,), 16)
    torch.testing.assert_close(axes @ axes.T, torch.eye(16), atol=1e-5, rtol=0)
    assert (sigma[:-1] >= sigma[1:]).all()


def test_scale_is_the_deviation_of_the_rows_along_each_axis() -> None:
    data = rows(40, 16)
    mean, axes, sigma, _ = principal_components(data)
    torch.testing.assert_close(((data - mean) @ axes.T).std(dim=0), sigma)


def test_largest_entry_of_each_axis_is_positive() -> None:
    _, axes, _, _ = principal_components(rows(40, 16))
    assert (axes.gather(1, axes.abs().argmax(1, keepdim=True)) > 0).all()


def test_sign_of_equal_entries_is_that_of_the_first() -> None:
    line = torch.tensor([[-1.0, 1.0], [1.0, -1.0], [-2.0, 2.0], [2.0, -2.0]])
    _, axes, _, rank = principal_components(line)
    assert rank == 1
    assert axes[0, 0] > 0 > axes[0, 1]


def test_rank_is_that_of_the_distinct_rows() -> None:
    data = rows(5, 16).repeat(3, 1)
    _, axes, sigma, rank = principal_components(data, 7)
    assert (axes.shape, rank) == ((7, 16), 4)
    assert (sigma[:4] > 0).all()
    assert (sigma[4:] == 0).all()
    torch.testing.assert_close(axes @ axes.T, torch.eye(7), atol=1e-5, rtol=0)


def test_half_precision_rows_do_not_raise_the_rank() -> None:
    assert principal_components(rows(5, 16).half().repeat(3, 1))[3] == 4


@pytest.mark.parametrize("asked", [0, 6, 17])
def test_impossible_number_of_components_is_an_error(asked: int) -> None:
    with pytest.raises(ValueError, match=rf"n_components is {asked}, but 5 name tokens of width 16 allow 1 to 5"):
        principal_components(rows(5, 16), asked)


def test_equal_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="the 3 name vectors are all the same"):
        principal_components(torch.ones(3, 4))
