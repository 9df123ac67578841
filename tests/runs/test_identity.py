"""The early stop: when it stops, that it goes on exactly, and what it says when it cannot look.

A linear model, and looks whose scores are planned by the step; tests/runs/test_identity_looks.py has real ones.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from ldm.config import ConfigError, load_config
from ldm.data.module import DataModuleFromConfig
from ldm.runs import identity
from ldm.runs.folder import RunFolder
from ldm.runs.identity import StopOnIdentity
from ldm.runs.trainer import Training, build_trainer
from tests.runs.tiny import TinyModel, tiny_tree

TRAIN = {"target": "tests.runs.tiny.TinyData", "params": {"length": 11}}


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, float]], None]:
    """Give looks after so many steps these scores."""

    def plan(scores: dict[int, float]) -> None:
        def look(self: StopOnIdentity, trainer: Any, _model: Any) -> None:
            self._compare(scores[trainer.global_step], trainer.global_step - 1)

        monkeypatch.setattr(StopOnIdentity, "look", look)

    monkeypatch.setattr(identity, "photos_of", lambda _trainer: {"ada": []})
    monkeypatch.setattr(identity, "knows_people", lambda _model: True)
    monkeypatch.setattr(StopOnIdentity, "_meet", lambda *_: None)
    return plan


def fit(run: RunFolder, max_steps: int, resume: bool = False, accumulate: int = 1, **params: Any) -> Training:
    model = TinyModel()
    model.personalization = object()  # type: ignore[assignment]
    section = tiny_tree(max_steps, callbacks={"identity": {"params": params}})["lightning"]
    section["trainer"]["accumulate_grad_batches"] = accumulate
    section["modelcheckpoint"] = {"params": {"every_n_train_steps": 100}}
    training = build_trainer(section, run)
    checkpoint = run.checkpoint() if resume else None
    training.trainer.fit(model, DataModuleFromConfig(2, TRAIN), ckpt_path=checkpoint, weights_only=True)
    return training


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "tiny", OmegaConf.create(tiny_tree()), {})


def saved(run: RunFolder) -> dict[str, Any]:
    """The callback's state in the last checkpoint, and after how many steps that was."""
    checkpoint = torch.load(run.checkpoint(), weights_only=True)
    return checkpoint["callbacks"]["StopOnIdentity"] | {"steps": checkpoint["global_step"]}


RISING = {2: 0.1, 4: 0.2, 6: 0.205, 8: 0.195, 10: 0.3, 12: 0.3, 14: 0.31, 16: 0.2, 18: 0.2, 20: 0.9}


@pytest.mark.parametrize(
    ("params", "end", "best"),
    [
        ({"patience": 2}, 8, 0.2),
        ({"patience": 2, "min_delta": 0.0}, 14 + 4, 0.31),
        ({"patience": 3}, 16, 0.3),
        ({"patience": 2, "min_steps": 9}, 14, 0.3),
        ({"patience": 1, "min_steps": 15}, 16, 0.3),
        ({"patience": 0}, 20, 0.9),
        ({"patience": 1, "disabled": True}, 20, None),
    ],
)
def test_it_stops_at_the_right_step(planned, run: RunFolder, params: dict[str, Any], end: int, best: float) -> None:
    planned(RISING)
    training = fit(run, 20, every_n_steps=2, **({"min_steps": 0, "min_delta": 0.01} | params))
    assert training.trainer.global_step == end
    assert saved(run)["best"] == best
    assert run.steps() == [end - 1], "the last state is exported, under the step it follows"


def test_steps_are_optimizer_steps(planned, run: RunFolder) -> None:
    planned({1: 0.2, 2: 0.1, 3: 0.1})
    assert fit(run, 9, accumulate=2, every_n_steps=1, patience=2, min_steps=0).trainer.global_step == 3


def test_the_trainers_own_least_number_of_steps_holds(planned, run: RunFolder) -> None:
    planned(RISING)
    section = tiny_tree(20, callbacks={"identity": {"params": {"every_n_steps": 2, "patience": 1, "min_steps": 0}}})
    section["lightning"]["trainer"]["min_steps"] = 11
    training = build_trainer(section["lightning"], run)
    model = TinyModel()
    model.personalization = object()  # type: ignore[assignment]
    training.trainer.fit(model, DataModuleFromConfig(2, TRAIN))
    assert training.trainer.global_step == 12


@pytest.mark.parametrize("stop", [1, 6, 7, 9, 15])
def test_going_on_equals_never_having_stopped(planned, tmp_path: Path, stop: int) -> None:
    planned(RISING)
    params = {"every_n_steps": 2, "patience": 2, "min_steps": 12}
    runs = [RunFolder.create(tmp_path / name, "tiny", OmegaConf.create(tiny_tree()), {}) for name in "ab"]
    fit(runs[0], 20, **params)
    fit(runs[1], stop, **params)
    fit(runs[1], 20, resume=True, **params)
    assert saved(runs[0]) == saved(runs[1])
    assert saved(runs[0])["steps"] == 14


def test_a_stopped_run_stays_stopped_unless_patience_is_raised(planned, run: RunFolder, caplog) -> None:
    planned(RISING)
    params = {"every_n_steps": 2, "min_steps": 0}
    fit(run, 20, patience=2, **params)
    with caplog.at_level(logging.WARNING):
        assert fit(run, 20, resume=True, patience=2, **params).trainer.global_step == 8
    assert "ended because its identity score rose no more (2 looks): to go on, raise" in caplog.text
    assert fit(run, 20, resume=True, patience=3, **params).trainer.global_step == 16


def test_data_without_photos(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "knows_people", lambda _model: True)
    with pytest.raises(ValueError, match="the training data has no list of photos and people"):
        fit(run, 2)


def test_a_method_without_people(run: RunFolder) -> None:
    section = tiny_tree(2, callbacks={"identity": {}})["lightning"]
    with pytest.raises(ValueError, match="TinyModel learns no people on the celeb basis here"):
        build_trainer(section, run).trainer.fit(TinyModel(), DataModuleFromConfig(2, TRAIN))


def test_prompts_that_name_nobody() -> None:
    with pytest.raises(ValueError, match=r"prompt 'a photo' names nobody: write \{\} where the person stands"):
        StopOnIdentity(prompts=["a photo of {}", "a photo"])
    with pytest.raises(ValueError, match="prompts is an empty list"):
        StopOnIdentity(prompts=[])


def test_a_config_is_checked(root: Path) -> None:
    base = root / "configs" / "stable-diffusion" / "celeb_basis.yaml"
    with pytest.raises(ConfigError) as wrong:
        load_config(
            [base],
            ["lightning.callbacks.identity.params.patience=-1", "lightning.callbacks.identity.params.sampler=fast"],
        )
    assert "lightning.callbacks.identity.params.patience: -1 given" in str(wrong.value)
    assert "lightning.callbacks.identity.params.sampler" in str(wrong.value)
