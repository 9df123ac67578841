"""`python -m ldm names filter`: a list of names in, those that the model knows out; it goes on where it was."""

import json

import pytest

from evaluation import judges
from ldm.modules.names import read_names
from ldm.runs import name_pictures
from tests.commands.test_evaluate_people import MeanJudge, exit_code


@pytest.fixture(autouse=True)
def judge(monkeypatch):
    monkeypatch.setattr(judges, "load_judge", lambda name, *_: MeanJudge())


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# mine\ntom hanks\nbrad pitt\nemma watson\njohn smith\n")
    return path


def call(tmp_path, names, tiny_model, *more):
    words = ["names", "filter", names, "--sd", tiny_model, "--each", 2, "--steps", 2, "--out", tmp_path / "out"]
    return exit_code(*words, *more)


def test_names_are_drawn_judged_and_listed(tmp_path, names, tiny_model, capsys):
    assert call(tmp_path, names, tiny_model, "--min-consistency", -1, "--min-distinct", 0) == 0
    assert "4 of 4 names are kept" in capsys.readouterr().out
    out = tmp_path / "out"
    assert read_names(out / "names.txt") == ["brad pitt", "emma watson", "john smith", "tom hanks"]
    head = (out / "names.txt").read_text().splitlines()[:3]
    assert head[0] == "# 4 of the 4 names in list.txt, by python -m ldm names filter"
    assert "2 pictures each by 'a photo of {}' (seed 42, 2 steps, guidance 4)" in head[1]
    assert head[2].startswith("# judged by yunet+mobilefacenet_foamliu: a face in at least 75%")
    assert sorted(read_names(out / "control.txt")) == read_names(out / "names.txt")
    found = json.loads((out / "report.json").read_text())
    assert len(found["tables"]["names"]) == 4
    assert found["settings"]["list"] == "list.txt"


def test_who_is_not_named_may_not_be_held_out(tmp_path, names, tiny_model, capsys):
    few = ("--first", 2, "--min-consistency", -1, "--min-distinct", 0)
    assert call(tmp_path, names, tiny_model, *few) == 0
    said = (
        "note: No judge was named: yunet+mobilefacenet_foamliu looked, which is not held out if its network had a part"
    )
    assert said in capsys.readouterr().out
    assert call(tmp_path, names, tiny_model, *few, "--judge", "NET.onnx") == 0
    assert "note:" not in capsys.readouterr().out


def test_it_goes_on_where_it_was(tmp_path, names, tiny_model, capsys, monkeypatch):
    call(tmp_path, names, tiny_model, "--min-consistency", -1, "--min-distinct", 0, "--first", 2)
    capsys.readouterr()
    drawn = []
    draw = name_pictures.draw_vectors
    monkeypatch.setattr(name_pictures, "draw_vectors", lambda *given: drawn.extend(given[1]) or draw(*given))
    assert call(tmp_path, names, tiny_model, "--min-consistency", -1, "--min-distinct", 0) == 0
    assert sorted(set(drawn)) == ["a photo of john smith", "a photo of tom hanks"]
    assert call(tmp_path, names, tiny_model, "--seed", 7) == 1
    assert "holds pictures made with other settings (seed: 42 is now 7)" in capsys.readouterr().err


def test_what_is_refused(tmp_path, names, tiny_model, capsys):
    assert call(tmp_path, names, tiny_model, "--min-distinct", 1, "--min-consistency", 1) == 1
    said = capsys.readouterr()
    assert "0 of 4 names are kept; why the others are not" in said.out
    assert "no name is kept: the model knows none of them, or the limits are too high" in said.err
    assert not (tmp_path / "out/names.txt").exists()
    assert call(tmp_path, names, tiny_model, "--prompt", "a face") == 1
    assert "--prompt 'a face' has no place for the name: write {} there" in capsys.readouterr().err
    assert call(tmp_path, tmp_path / "nowhere.txt", tiny_model) == 1
    assert "nowhere.txt' is not there" in capsys.readouterr().err
