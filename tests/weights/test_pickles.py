"""Pickles: what is kept of them, and that nothing in them is ever executed."""

import argparse
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ldm.weights.pickles import StandIn, read_pickle


class Calls:
    """Pickles to a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class Mark:
    """A class that a reader elsewhere does not have."""

    def __init__(self) -> None:
        self.epoch = 3

    def __setstate__(self, state: Any) -> None:
        raise AssertionError("code of the file's class was run")


@pytest.fixture(params=[True, False], ids=["zip", "before torch 1.6"])
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    def write(content: Any) -> Path:
        torch.save(content, tmp_path / "a.ckpt", _use_new_zipfile_serialization=request.param)
        return tmp_path / "a.ckpt"

    return write


def test_a_checkpoint_of_lightning_is_read_around_its_objects(save: Any) -> None:
    from pytorch_lightning.callbacks import ModelCheckpoint

    parameter = torch.nn.Parameter(torch.ones(2))
    state = {"a": torch.arange(6).view(2, 3), "b": parameter, "c": torch.ones(2, dtype=torch.bfloat16)}
    scores = {ModelCheckpoint: {"best_model_score": np.float32(0.5), "dirpath": Path("logs/a")}}
    content = read_pickle(save({"state_dict": state, "callbacks": scores, "hyper_parameters": argparse.Namespace(x=1)}))
    assert all(content["state_dict"][name].equal(value) for name, value in state.items())
    [(callback, score)] = content["callbacks"].items()
    assert issubclass(callback, StandIn)
    assert callback is not ModelCheckpoint
    assert score["best_model_score"] == 0.5
    assert score["dirpath"].as_posix() == "logs/a"
    assert content["hyper_parameters"].state == {"x": 1}


def test_an_object_of_an_unknown_class_is_told_its_state_and_does_nothing(save: Any) -> None:
    kept = read_pickle(save([Mark()]))[0]
    assert isinstance(kept, StandIn)
    assert kept.state == {"epoch": 3}


@pytest.mark.parametrize(
    ("function", "named"),
    [(os.system, r"posix\.system"), (eval, r"builtins\.eval"), (subprocess.check_call, r"\w+\.check_call")],
)
def test_code_is_refused_and_not_executed(save: Any, tmp_path: Path, function: Any, named: str) -> None:
    mark = tmp_path / "executed"
    argument = f"open({str(mark)!r}, 'w')" if function is eval else f"touch {mark}"
    path = save({"state_dict": {"a": torch.ones(2)}, "extra": Calls(function, argument)})
    with pytest.raises(
        ValueError, match=rf"a\.ckpt holds more than weights: it would call {named}\. .*nothing .* was ex"
    ):
        read_pickle(path)
    assert not mark.exists()


def test_what_is_damaged_is_said_to_be(save: Any, tmp_path: Path) -> None:
    path = save({"a": torch.arange(1000)})
    whole = path.read_bytes()
    for part in (whole[: len(whole) // 2], whole[:3], b"no weights at all"):
        path.write_bytes(part)
        with pytest.raises(ValueError, match=rf"a\.ckpt \({len(part):,} bytes\) is truncated or damaged, .*: get it"):
            read_pickle(path)
    with pytest.raises(FileNotFoundError, match=r"there is no .*none\.ckpt"):
        read_pickle(tmp_path / "none.ckpt")
