"""The celeb basis study goes on where it was, and never with cells or judgements of something else."""

from pathlib import Path
from unittest.mock import Mock

import pytest
from PIL import Image

from evaluation.studies.celeb_basis import run as running
from evaluation.studies.celeb_basis.arms import difference
from evaluation.studies.celeb_basis.cells import Cell, Cells
from evaluation.studies.celeb_basis.run import Request
from evaluation.studies.celeb_basis.study import Plan, fill

PEOPLE = ["Ada", "Bo"]


def test_a_difference_of_the_same_name_does_not_take_the_others_cells(tmp_path: Path) -> None:
    names, cells = tmp_path / "names.txt", Cells(tmp_path / "cells")
    names.write_text("Ada Byron")
    for name in PEOPLE:
        cell = Cell(name, 100, 80.0, 1.5, [1.0, 2.0], [[0.0, 0.0]], plain=1, asked=1)
        cells.write("x", cell, [Image.new("RGB", (8, 8))])

    def read(values: str) -> None:  # nothing is left to learn
        fill(cells, [difference(f"x:{values}")], PEOPLE, None, None, Plan())  # type: ignore[arg-type]

    stage = f"model.params.cond_stage_config.params.celeb_txt={names}"
    read(stage)
    read(stage)
    with pytest.raises(ValueError, match=r"x holds .* other settings \(overrides: \['model.params.cond"):
        read("model.base_learning_rate=1e-2")
    names.write_text("Bo Diddley")
    with pytest.raises(ValueError, match=r"x holds .* other settings \(files: "):
        read(stage)


def test_what_one_judge_said_is_not_shown_as_anothers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "load_judge", lambda name: type("Judge", (), {"name": name.partition(":")[0]})())
    monkeypatch.setattr(running, "strangers_percentile", lambda _judge: 0.0)
    monkeypatch.setattr(running.choice, "choose_subjects", lambda *_: [])
    monkeypatch.setattr(running, "digest", lambda *_: "0")
    monkeypatch.setattr(running, "attribute_judge", lambda _celeba: None)
    monkeypatch.setattr(running, "attributes_by", lambda celeba: celeba.name)
    monkeypatch.setattr(running.choice, "align", Mock(side_effect=InterruptedError("claimed")))

    def ask(judge: str, celeba: str) -> None:
        request = Request(tmp_path, judge, Path(celeba), tmp_path, 2, [], (), True, tmp_path / "out", False)
        with pytest.raises(InterruptedError, match="claimed"):
            running.run(request, Plan())

    ask("net.onnx:imagenet", "one")
    ask("net.onnx:imagenet", "one")
    ask("other.onnx:imagenet", "two")
    with pytest.raises(ValueError, match=r"judge: net.onnx:imagenet is now net.onnx:raw\): name another folder"):
        ask("net.onnx:raw", "one")
    with pytest.raises(ValueError, match=r"attributes: one is now two\): name another folder"):
        ask("net.onnx:imagenet", "two")
