"""The mark at the best checkpoint, and the steps that mean it."""

import json
from pathlib import Path

import pytest

from evaluation.ranking import Look
from ldm.commands.steps import parse_step
from ldm.runs.best_mark import best_step, mark_best
from ldm.runs.folder import RunFolder
from ldm.runs.load import load_model, step_of


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run", "a")
    folder.checkpoints.mkdir(parents=True)
    for step in (1, 3, 5):
        (folder.checkpoints / f"embeddings_gs-{step}.safetensors").touch()
    return folder


def test_the_best_of_those_that_are_there_is_marked(run: RunFolder) -> None:
    looks = [Look(1, 0, 0.2, 1), Look(2, 0, 0.9, 1), Look(3, 0, 0.4, 1), Look(5, 0, 0.3, 1)]
    marked = mark_best(run, looks, 0.01, {"judge": "me"})
    assert marked == looks[2]
    written = json.loads((run.checkpoints / "best.json").read_text())
    assert (written["step"], written["pareto"], written["judge"]) == (3, [3], "me")
    assert [row["saved"] for row in written["looks"]] == [True, False, True, True]
    assert (best_step(run), step_of(run, "best"), step_of(run, "last"), step_of(run, None)) == (3, 3, 5, 5)


def test_nothing_to_mark(run: RunFolder) -> None:
    assert mark_best(run, [Look(2, 0, 0.9, 1)], 0.0, {}) is None
    with pytest.raises(LookupError, match=r"is marked as the best: python -m ldm rank .*run looks at all of them"):
        step_of(run, "best")


def test_a_damaged_mark_and_a_step_that_is_gone(run: RunFolder) -> None:
    file = run.checkpoints / "best.json"
    file.write_text("{}")
    with pytest.raises(ValueError, match=r"best.json is damaged .*python -m ldm rank .* writes it anew"):
        best_step(run)
    file.write_text('{"step": 4}')
    with pytest.raises(LookupError, match=r"no exported files of step 4; there are the steps 1, 3, 5"):
        step_of(run, "best")
    with pytest.raises(ValueError, match="step 'first': a training step is a number counted from 0, 'last' or 'best'"):
        step_of(run, "first")  # type: ignore[arg-type]


def test_a_run_is_loaded_by_its_best_step(tiny_run: Path) -> None:
    mark_best(RunFolder.open(tiny_run), [Look(1, 0, 0.9, 1), Look(5, 0, 0.1, 1)], 0.0, {})
    try:
        best, first = (load_model(tiny_run, None, step).personalization.memory.total for step in ("best", 1))
        assert best.equal(first)
        assert not best.equal(load_model(tiny_run, None, "last").personalization.memory.total)
    finally:
        (tiny_run / "checkpoints" / "best.json").unlink()


def test_steps_on_the_command_line() -> None:
    assert [parse_step(text) for text in ("199", "last", " best")] == [199, None, "best"]
    with pytest.raises(ValueError, match="--step '-1': write a training step, counted from 0, last, or best"):
        parse_step("-1")
