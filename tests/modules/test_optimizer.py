import math
import sys
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from ldm.modules.optimizer import AdamW, Trapezoid, pass_over_closed


def test_the_learning_rate_rises_stays_and_falls() -> None:
    factor = Trapezoid(10, warmup_steps=4, decay_fraction=0.5)
    assert [factor(step) for step in range(11)] == [0.25, 0.5, 0.75, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0]


def test_without_warmup_and_decay_it_is_constant() -> None:
    assert {Trapezoid(10)(step) for step in range(20)} == {1.0}
    wave = Trapezoid(10, decay_fraction=1.0, decay="cosine")
    assert [wave(step) for step in (0, 5, 10)] == pytest.approx([1.0, 0.5, 0.0])
    assert wave(2) == pytest.approx((1 + math.cos(math.pi * 0.2)) / 2)
    assert {Trapezoid(-1, decay_fraction=0.5)(step) for step in range(20)} == {1.0}, "a run without end has no decay"


def test_warmup_and_decay_that_overlap_take_the_lower() -> None:
    factor = Trapezoid(8, warmup_steps=8, decay_fraction=1.0)
    assert [factor(step) for step in range(8)] == [min((s + 1) / 8, (8 - s) / 8) for s in range(8)]


def test_options_reach_the_optimizer() -> None:
    parameters = {name: nn.Parameter(torch.ones(2)) for name in "abc"}
    (optimizer,), (schedule,) = AdamW(0.3, (0.5, 0.6), warmup_steps=2).build(parameters, 0.1, 10)
    (group,) = optimizer.param_groups
    assert (group["weight_decay"], group["betas"], len(group["params"])) == (0.3, (0.5, 0.6), 3)
    assert group["lr"] == pytest.approx(0.05)
    assert schedule["interval"] == "step"
    optimizer.step(), schedule["scheduler"].step()
    assert group["lr"] == pytest.approx(0.1)


def test_one_step_is_adams_with_decoupled_decay() -> None:
    parameter = nn.Parameter(torch.tensor([2.0]))
    (optimizer,), _ = AdamW(weight_decay=0.5).build({"w": parameter}, 0.1, 10)
    parameter.grad = torch.tensor([3.0])
    optimizer.step()
    assert float(parameter.detach()) == pytest.approx(2 - 0.1 * 0.5 * 2 - 0.1)  # the first step's size is the rate


def test_a_run_that_goes_on_with_more_steps_decays_at_its_new_end() -> None:
    def schedule(max_steps: int) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
        (optimizer,), (entry,) = AdamW(decay_fraction=0.5).build({"w": nn.Parameter(torch.ones(1))}, 1.0, max_steps)
        return optimizer, entry["scheduler"]

    optimizer, short = schedule(10)
    for _ in range(10):
        optimizer.step(), short.step()
    optimizer, longer = schedule(40)
    longer.load_state_dict(short.state_dict())
    optimizer.step(), longer.step()
    assert longer.get_last_lr() == [1.0]


def test_nothing_to_train_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"nothing would be trained: .*personalization_config names no parameter"):
        AdamW().build({}, 0.1, 10)


def test_eight_bits_without_their_package_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ImportError, match=r"eight_bit: true needs bitsandbytes: pip install 'celebbasis-ldm\[8bit\]'"):
        AdamW(eight_bit=True).build({"w": nn.Parameter(torch.ones(1))}, 0.1, 10)


def test_a_factor_makes_a_learning_rate_of_its_own() -> None:
    parameters = {name: nn.Parameter(torch.ones(1)) for name in ("unet.a", "text.token_embedding", "unet.b")}
    (optimizer,), _ = AdamW(lr_factors={"token_embedding": 5.0}).build(parameters, 0.1, 10)
    for parameter in parameters.values():
        parameter.grad = torch.ones(1)
    assert [(len(group["params"]), group["lr"]) for group in optimizer.param_groups] == [(2, 0.1), (1, 0.5)]
    optimizer.step()
    moved = {name: 1 - float(parameter.detach()) for name, parameter in parameters.items()}
    assert moved["text.token_embedding"] == pytest.approx(5 * moved["unet.a"], rel=1e-2)


def test_a_factor_for_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"lr_factors: no trained parameter has 'vae' in its name"):
        AdamW(lr_factors={"vae": 2.0}).build({"unet.a": nn.Parameter(torch.ones(1))}, 0.1, 10)


def test_the_first_part_that_fits_counts() -> None:
    parameters = {"text.token_embedding": nn.Parameter(torch.ones(1)), "text.layer": nn.Parameter(torch.ones(1))}
    (optimizer,), _ = AdamW(lr_factors={"token_embedding": 5.0, "text": 0.5}).build(parameters, 0.1, 10)
    rates = {id(group["params"][0]): group["lr"] for group in optimizer.param_groups}
    assert [rates[id(parameter)] for parameter in parameters.values()] == pytest.approx([0.5, 0.05])


def rates(
    windows: dict[str, tuple[int, int]], max_steps: int = 10, steps: int = 10, **options: float
) -> dict[str, list[float]]:
    """The learning rates at every step; what is closed neither moves nor gathers anything."""
    parameters = {name: nn.Parameter(torch.ones(1)) for name in ("unet.a", "text.b")}
    (optimizer,), (entry,) = AdamW(windows=windows, weight_decay=0.1, **options).build(parameters, 1.0, max_steps)
    groups = {id(group["params"][0]): group for group in optimizer.param_groups}
    seen: dict[str, list[float]] = {name: [] for name in parameters}
    for _ in range(steps):
        before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        for parameter in parameters.values():
            parameter.grad = torch.ones(1)
        pass_over_closed(optimizer)
        optimizer.step()
        for name, parameter in parameters.items():
            rate = groups[id(parameter)]["lr"]
            assert parameter.detach().equal(before[name]) == (rate == 0)
            assert (parameter in optimizer.state) == any([*seen[name], rate])
            seen[name].append(rate)
        entry["scheduler"].step()
    return seen


def test_a_part_can_stop_after_so_many_steps() -> None:
    seen = rates({"text": (0, 3)})
    assert seen == {"unet.a": [1.0] * 10, "text.b": [1.0] * 3 + [0.0] * 7}


def test_parts_can_be_trained_one_after_the_other_each_with_its_own_warm_up_and_decay() -> None:
    seen = rates({"unet": (0, 4), "text": (4, -1)}, warmup_steps=2, decay_fraction=0.5)
    assert seen["unet.a"] == [0.5, 1, 1, 0.5] + [0] * 6
    assert seen["text.b"] == pytest.approx([0] * 4 + [0.5, 1, 1, 1, 2 / 3, 1 / 3])


def test_a_window_ends_with_the_run_at_the_latest() -> None:
    assert rates({"text": (2, 99)}, max_steps=4, steps=4, decay_fraction=1.0)["text.b"] == [0, 0, 1, 0.5]
    assert rates({"text": (2, -1)}, max_steps=-1)["text.b"] == [0] * 2 + [1] * 8


@pytest.mark.parametrize("window", [(-1, 4), (4, 4), (5, 4)])
def test_a_window_that_is_no_time_is_an_error(window: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"windows: text: \[.*\] is no time: \[first step, end\]"):
        AdamW(windows={"text": window})


def test_a_window_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"windows: no trained parameter has 'vae' in its name"):
        AdamW(windows={"vae": (0, 1)}).build({"unet.a": nn.Parameter(torch.ones(1))}, 0.1, 10)


def test_one_kernel_moves_all_except_beside_a_scaled_loss() -> None:
    parameters = {"w": nn.Parameter(torch.ones(1))}
    assert AdamW().build(parameters, 0.1, 10)[0][0].param_groups[0]["fused"] is True
    for precision in ("16-mixed", "bf16-mixed"):
        assert not AdamW().build(parameters, 0.1, 10, precision)[0][0].param_groups[0]["fused"]


def test_a_run_that_goes_on_with_more_steps_finds_no_learning_rate_of_0() -> None:
    short, long = (AdamW(warmup_steps=10)._factor((0, -1), steps) for steps in (2, 4))
    assert [short(step) for step in range(3)] == [long(step) for step in range(3)] == pytest.approx([0.1, 0.2, 0.3])
    assert AdamW()._factor((0, 2), 2)(2) == 1.0
    assert AdamW()._factor((0, 1), 2)(1) == 0.0, "a window that closes before the run's end does"


def going_on(steps: int, learning_rate: float = 0.1, max_steps: int = 10, **options: Any) -> Any:
    """Groups and schedule of a run of ``steps`` steps, and those of one that goes on from it with these options."""
    made = []
    for rate, end, own in ((0.1, 10, {"decay_fraction": 0.5}), (learning_rate, max_steps, options)):
        parameters = {name: nn.Parameter(torch.ones(1)) for name in ("unet.a", "text.b")}
        factors = own.pop("lr_factors", {"text": 5.0})
        (optimizer,), (entry,) = AdamW(lr_factors=factors, **{"decay_fraction": 0.5, **own}).build(
            parameters, rate, end
        )
        made.append((optimizer, entry["scheduler"]))
    (optimizer, schedule), (other, later) = made
    for _ in range(steps):
        for group in optimizer.param_groups:
            group["params"][0].grad = torch.ones(1)
        optimizer.step(), schedule.step()
    other.load_state_dict(deepcopy(optimizer.state_dict()))
    later.load_state_dict(deepcopy(schedule.state_dict()))
    return (optimizer.state_dict(), schedule.state_dict()), (other.state_dict(), later.state_dict())


@pytest.mark.parametrize("steps", [3, 7])
def test_a_run_that_goes_on_as_it_was_is_the_same(steps: int) -> None:
    saved, restored = going_on(steps)
    assert saved == restored


def test_a_run_that_goes_on_is_trained_as_its_config_says() -> None:
    _, (optimizer, schedule) = going_on(7, 0.4, betas=(0.5, 0.6), weight_decay=0.3, lr_factors={"text": 2.0})
    (unet, text), rates = optimizer["param_groups"], pytest.approx([0.4 * 0.6, 0.8 * 0.6])
    assert [unet["lr"], text["lr"]] == rates
    assert schedule["_last_lr"] == rates
    assert [unet["initial_lr"], text["initial_lr"]] == schedule["base_lrs"] == pytest.approx([0.4, 0.8])
    assert [(one["betas"], one["weight_decay"]) for one in (unet, text)] == [((0.5, 0.6), 0.3)] * 2
    assert all(state["step"] == 7 for state in optimizer["state"].values()), "the moments are those of the run"


def test_a_run_that_decayed_to_its_end_goes_on_at_once() -> None:
    ((ended, _), (longer, _)) = going_on(10, max_steps=40)
    assert ended["param_groups"][0]["lr"] == 0
    assert longer["param_groups"][0]["lr"] == 0.1


def test_other_parts_with_rates_of_their_own_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"make groups of \[2\] parameters, and the run was saved with \[1, 1\]: name the"
    ):
        going_on(1, lr_factors={})
