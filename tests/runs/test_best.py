"""The best checkpoint: which one it is, when training ends, that it goes on exactly, what it says when it cannot look.

A linear model, and looks whose scores are planned by the step; tests/runs/test_best_looks.py has real ones.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from evaluation.ranking import Look
from ldm.config import ConfigError, load_config
from ldm.data.module import DataModuleFromConfig
from ldm.runs import best, look_people
from ldm.runs.best import BestCheckpoint
from ldm.runs.best_mark import best_step
from ldm.runs.budget import Budget
from ldm.runs.folder import RunFolder
from ldm.runs.look import Before
from ldm.runs.trainer import Training, build_trainer
from tests.runs.tiny import TinyModel, tiny_tree

TRAIN = {"target": "tests.runs.tiny.TinyData", "params": {"length": 11}}


CLOCK = SimpleNamespace(now=0.0)


class PlannedScorer:
    """Sees scores that were planned, by how many steps there were."""

    judge = SimpleNamespace(name="planned")

    def __init__(self, scores: dict[int, float], seconds: float = 0.0) -> None:
        self.scores, self.seconds = scores, seconds

    def before(self, _model: Any) -> Before:
        return Before(None, None, 0.0)

    def cost_s(self, _before: Before) -> float:
        return self.seconds

    def look(self, _model: Any, step: int, _before: Before) -> tuple[Look, list[Any]]:
        CLOCK.now += self.seconds
        return Look(step, 0.0, self.scores[step + 1], 1.0, people={"ada": 0.0}, seconds=self.seconds), []


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give looks after so many steps these scores."""

    def plan(scores: dict[int, float], seconds: float = 0.0) -> None:
        monkeypatch.setattr(best, "scorer_of_run", lambda *_: PlannedScorer(scores, seconds))
        monkeypatch.setattr(best, "log_look", lambda *_: None)
        monkeypatch.setattr(best, "Budget", lambda share: Budget(share, lambda: CLOCK.now))

    return plan


def fit(
    run: RunFolder, max_steps: int, resume: bool = False, accumulate: int = 1, every: int = 100, **params: Any
) -> Training:
    section = tiny_tree(max_steps, callbacks={"best": {"params": {"max_share": None, **params}}})["lightning"]
    section["trainer"]["accumulate_grad_batches"] = accumulate
    section["modelcheckpoint"] = {"params": {"every_n_train_steps": every}}
    training = build_trainer(section, run)
    checkpoint = run.checkpoint() if resume else None
    training.trainer.fit(TinyModel(), DataModuleFromConfig(2, TRAIN), ckpt_path=checkpoint, weights_only=True)
    return training


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "tiny", OmegaConf.create(tiny_tree()), {})


def saved(run: RunFolder) -> dict[str, Any]:
    """The callback's state in the last checkpoint, and after how many steps that was."""
    checkpoint = torch.load(run.checkpoint(), weights_only=True)
    state = checkpoint["callbacks"]["BestCheckpoint"]
    seen = [(look["step"], look["score"]) for look in state["looks"]]
    return {"seen": seen, "stopped": state["stopped"], "steps": checkpoint["global_step"]}


RISING = {2: 0.1, 4: 0.2, 6: 0.205, 8: 0.195, 10: 0.3, 12: 0.3, 14: 0.31, 16: 0.2, 18: 0.2, 20: 0.9}


@pytest.mark.parametrize(
    ("params", "end", "marked"),
    [
        ({"patience": 2}, 8, 7),  # .2, .205, .195 are alike: the latest
        ({"patience": 2, "min_delta": 0.0}, 18, 13),
        ({"patience": 3}, 16, 13),
        ({"patience": 2, "min_steps": 9}, 14, 13),
        ({"patience": 1, "min_steps": 15}, 16, 13),
        ({"patience": 0}, 20, 19),
        ({"patience": 1, "disabled": True}, 20, None),
    ],
)
def test_it_stops_and_marks_at_the_right_steps(
    planned, run: RunFolder, params: dict[str, Any], end: int, marked: int | None
) -> None:
    planned(RISING)
    training = fit(run, 20, every_n_steps=2, **({"min_steps": 0, "min_delta": 0.01} | params))
    assert training.trainer.global_step == end
    assert run.steps()[-1] == end - 1, "the last state is exported, under the step it follows"
    if marked is None:
        with pytest.raises(LookupError, match=r"no checkpoint of .* is marked as the best: python -m ldm rank"):
            best_step(run)
    else:
        assert best_step(run) == marked
        assert marked in run.steps()


def test_what_is_kept(planned, tmp_path: Path) -> None:
    planned({2: 0.1, 4: 0.3, 6: 0.2, 8: 0.4, 10: 0.1, 11: 0.1})
    kept = {}
    for save in ("pareto", "best", "scheduled"):
        one = RunFolder.create(tmp_path / save, "tiny", OmegaConf.create(tiny_tree()), {})
        fit(one, 11, every=4, save=save, every_n_steps=2, patience=0)
        kept[save] = one.steps(), best_step(one)
    assert kept == {
        "pareto": ([1, 3, 7, 10], 7),
        "best": ([1, 3, 7, 10], 7),
        "scheduled": ([3, 7, 10], 7),
    }
    mark = json.loads((tmp_path / "pareto").glob("*/checkpoints/best.json").__next__().read_text())
    assert (mark["step"], mark["pareto"], mark["judge"], mark["chosen"]) == (7, [7], "planned", "while training")
    assert [(look["step"], look["saved"]) for look in mark["looks"]] == [
        (1, True), (3, True), (5, False), (7, True), (9, False), (10, True),
    ]  # fmt: skip


def test_looks_keep_to_their_share_of_the_time(planned, run: RunFolder, caplog, monkeypatch) -> None:
    planned(dict.fromkeys(range(1, 41), 0.1), seconds=2.0)
    step = TinyModel.training_step

    def one_second(self: TinyModel, *batch: Any) -> Any:
        CLOCK.now += 1.0
        return step(self, *batch)

    monkeypatch.setattr(TinyModel, "training_step", one_second)
    with caplog.at_level(logging.INFO):
        training = fit(run, 40, every_n_steps=1, max_share=0.2, patience=0)
    [callback] = [one for one in training.trainer.callbacks if isinstance(one, BestCheckpoint)]
    assert [look.step for look in callback.looks] == [10, 20, 39], (
        "40 s of training allow 8 s of looks, 2 to 2.2 s each"
    )
    assert callback.budget.share == pytest.approx(0.15)
    assert "looks took 6.0 s, 15.0% of training time (at most 20%), 37 were left out for their time" in caplog.text


def test_no_time_for_any_look(planned, run: RunFolder, caplog) -> None:
    planned({4: 0.1}, seconds=60.0)
    with caplog.at_level(logging.WARNING):
        fit(run, 4, every_n_steps=2, max_share=0.1)
    assert "no look was made, so none is marked; 2 were left out for their time" in caplog.text
    assert "python -m ldm rank" in caplog.text


def test_steps_are_optimizer_steps(planned, run: RunFolder) -> None:
    planned({1: 0.2, 2: 0.1, 3: 0.1})
    assert fit(run, 9, accumulate=2, every_n_steps=1, patience=2, min_steps=0).trainer.global_step == 3


def test_the_trainers_own_least_number_of_steps_holds(planned, run: RunFolder) -> None:
    planned(RISING)
    section = tiny_tree(
        20, callbacks={"best": {"params": {"max_share": None, "every_n_steps": 2, "patience": 1, "min_steps": 0}}}
    )
    section["lightning"]["trainer"]["min_steps"] = 11
    training = build_trainer(section["lightning"], run)
    training.trainer.fit(TinyModel(), DataModuleFromConfig(2, TRAIN))
    assert training.trainer.global_step == 12


@pytest.mark.parametrize("stop", [2, 6, 8, 12])
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
    assert "ended because its score rose no more (2 looks): to go on, raise" in caplog.text
    assert fit(run, 20, resume=True, patience=3, **params).trainer.global_step == 16


def test_data_without_photos(run: RunFolder) -> None:
    with pytest.raises(ValueError, match=r"callbacks.best: TinyModel learns nobody from photos here"):
        fit(run, 2)


def test_a_method_without_people(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_people, "photos_of", lambda _trainer: {"ada": []})
    section = tiny_tree(2, callbacks={"best": {}})["lightning"]
    with pytest.raises(ValueError, match="TinyModel learns nobody from photos here"):
        build_trainer(section, run).trainer.fit(TinyModel(), DataModuleFromConfig(2, TRAIN))


def test_prompts_that_name_nobody() -> None:
    with pytest.raises(ValueError, match=r"prompt 'a photo' names nobody: write \{\} where the person stands"):
        BestCheckpoint(prompts=["a photo of {}", "a photo"])
    with pytest.raises(ValueError, match="prompts is an empty list"):
        BestCheckpoint(prompts=[])


def test_a_config_is_checked(root: Path) -> None:
    base = root / "configs" / "stable-diffusion" / "celeb_basis.yaml"
    with pytest.raises(ConfigError) as wrong:
        load_config(
            [base],
            ["lightning.callbacks.best.params.patience=-1", "lightning.callbacks.best.params.sampler=fast"],
        )
    assert "lightning.callbacks.best.params.patience: -1 given" in str(wrong.value)
    assert "lightning.callbacks.best.params.sampler" in str(wrong.value)
