"""The study of the best checkpoint: what is compared, what follows, and what stops it."""

import json
from pathlib import Path

import pytest

from evaluation.ranking import Look
from evaluation.studies.best_checkpoint import cells as making
from evaluation.studies.best_checkpoint import run as running
from evaluation.studies.best_checkpoint.cells import Cell, Design, cell_of, fill
from evaluation.studies.best_checkpoint.results import Ways, cost, differences, table, verdict
from evaluation.studies.best_checkpoint.run import Request, command_of, table_of_cells, text
from evaluation.subjects import Subject


def look(step: int, likeness: float) -> Look:
    return Look(step, likeness / 2, likeness, 1.0, 0.8)


def cell(person: int, best: int, last: float = 0.3, share: float = 0.05) -> Cell:
    """A person whose true scores rise to the middle and end at ``last``."""
    scored = [look(49, 0.2), look(99, 0.5 + person / 100), look(149, 0.4), look(399, last)]
    own = [look(49, 0.1), look(99, 0.4), look(149, 0.4), look(199, 0.3), look(249, 0.3), look(399, 0.2)]
    return Cell(f"p{person}", best, own, share, scored)


def test_ways_to_choose() -> None:
    ways = Ways.of([cell(0, 149), cell(1, 99, last=0.9)])
    assert ways.steps["best"] == [149, 99]
    assert ways.steps["last"] == [399, 399]
    assert ways.steps["oracle"] == [99, 399]
    assert cell(0, 149).stopped(3, 0.01, 200) == (250, 149), "three looks without a rise over that after step 99"
    assert cell(0, 149).stopped(9, 0.01, 200) == (400, 149)


def test_what_follows_from_the_numbers() -> None:
    good = [cell(person, 99) for person in range(20)]
    found = differences(good)
    assert found["best less last"].value == pytest.approx(0.8 * (0.5 + 0.095 - 0.3))
    assert found["oracle less best (regret)"].value == pytest.approx(0)
    said = verdict(good)
    assert "**better than the last**" in said
    assert "not met" not in said
    bad = [cell(person, 49, last=0.9, share=0.2) for person in range(4)]
    said = verdict(bad)
    assert "**worse than the last**" in said
    assert "(most: 20.0%): **not met**" in said
    assert "at least 20 people (4): **not met**" in said
    assert verdict([cell(0, 399), cell(1, 399)]).startswith(
        "By the scoring judge the best checkpoint is **not told apart from the last**"
    )
    assert "| oracle |" in table(good)
    assert "5.0% of the training time" in cost(good)
    assert "ended after 62% of their steps" in cost(good)


def test_the_page_and_the_table_of_all(tmp_path: Path) -> None:
    request = Request(Path("x/LFW"), "a/net.onnx:imagenet", None, Path("weights/embedded"), 2, True, tmp_path, True)
    cells = [cell(0, 149), cell(1, 99)]
    page = text(cells, request, Design(steps=60), "judge", "chooser")
    assert "python -m ldm study best_checkpoint --photos LFW --judge net.onnx:imagenet --people 2 --steps 60" in page
    assert "nobody (obedience counts as 1)" in page
    assert command_of(request, Design()).endswith("--share 0.1 --tuning")
    rows = table_of_cells(cells).splitlines()
    assert rows[0] == "person,step,marked,score,identity,obedience,face_found,chooser_score"
    assert rows[3] == "p0,149,1,0.3200,0.2000,0.8000,1.00,0.3200"


class Held:
    name, encoder_name = "yunet+mobilefacenet_foamliu", "held"


def test_cells_are_kept_and_a_cut_training_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject("ada", (Path("a.jpg"),), (Path("b.jpg"),))
    trained = []

    def train(runs: Path, *_: object) -> Path:
        assert not runs.exists(), "what a cut training left is gone"
        run = runs / "made" / "run"
        (run / "configs").mkdir(parents=True)
        (run / "configs/x-project.yaml").touch()
        (run / "checkpoints").mkdir()
        trained.append(run)
        return run

    monkeypatch.setattr(making, "train", train)
    monkeypatch.setattr(making, "score", lambda *_: cell(0, 99).scored)
    (tmp_path / "runs/ada/half").mkdir(parents=True)
    given = (tmp_path, subject, 0, Path("m.jsonl"), Path("sd"), Design(), Held(), None)
    with pytest.raises(ValueError, match=r"made no look in 10% of its time: give it more \(--share\)"):
        fill(*given)
    looks = [one.as_json() | {"saved": True} for one in cell(0, 99).own]
    mark = {"step": 99, "share_of_training_time": 0.07, "looks": looks}
    (trained[0] / "checkpoints/best.json").write_text(json.dumps(mark))
    made = fill(*given)
    assert len(trained) == 1
    assert made == cell(0, 99, share=0.07).__class__("ada", 99, cell(0, 99).own, 0.07, cell(0, 99).scored)
    assert cell_of(tmp_path, "ada") == made
    assert cell_of(tmp_path, "bo") is None


def test_a_judge_that_chooses_may_not_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chooser = type("Chooser", (), {"name": "yunet+sface", "encoder_name": "sface"})()
    monkeypatch.setattr(running, "load_judge", lambda _name: chooser)
    monkeypatch.setattr(running.choice, "choose_subjects", lambda *_: [])
    monkeypatch.setattr(running.choice, "align", lambda *_: tmp_path / "none.jsonl")
    monkeypatch.setattr(running, "read_people", lambda _path: [])
    monkeypatch.setattr(running, "digest", lambda *_: "0")
    request = Request(tmp_path, "yunet-sface", None, tmp_path, 2, True, tmp_path / "out", False)
    with pytest.raises(ValueError, match="sface conditioned the model and cannot be the only judge of it"):
        running.run(request, Design())
