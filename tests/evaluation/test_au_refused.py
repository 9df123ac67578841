"""`evaluate au`: what it refuses, and what it says then."""

import json
from pathlib import Path

import pytest

from evaluation.studies.action_units.data import require_unseen, subjects_of
from evaluation.studies.action_units.readers import read_thresholds
from evaluation.studies.action_units.requests import Speech, real_faces
from evaluation.studies.action_units.run import levels_of, units_of
from ldm.commands.evaluate_au import au, parse_levels
from ldm.data.action_units.sample import AuDataError
from tests.evaluation.test_au_study import VECTOR, prepared


def test_levels_that_are_no_numbers() -> None:
    assert parse_levels("0,2.5") == [0, 2.5]
    with pytest.raises(ValueError, match="--levels 'high': write intensities with commas between, like 0,3,5"):
        parse_levels("high")


def test_one_step_is_evaluated() -> None:
    with pytest.raises(ValueError, match="--step '1,2': write a training step, counted from 0, last, or best"):
        au(Path("face_landmarker.task"), Path("t.json"), run=Path("run"), step="1,2")


def test_what_cannot_be_asked_or_measured() -> None:
    with pytest.raises(ValueError, match="AU25: this model is told of the action units 6, 12"):
        units_of([25], VECTOR, [12, 25])
    with pytest.raises(ValueError, match="AU6 is not measured: --thresholds has 12, 25"):
        units_of([6], VECTOR, [12, 25])
    with pytest.raises(ValueError, match="they have none in common"):
        units_of([], VECTOR, [25])
    assert units_of([], VECTOR, [12, 25]) == [12]
    for wrong in ([0.0], [1.0, 3.0], [0.0, 6.0]):
        with pytest.raises(ValueError, match="a sweep goes from 0 up to at most 5"):
            levels_of(wrong, VECTOR)
    with pytest.raises(ValueError, match="counts as present from 2 on"):
        levels_of([0.0, 1.0], VECTOR)
    assert levels_of([], Speech("code")) == [0, 3]
    assert len(levels_of([], VECTOR)) == 6


def test_files_that_are_not_what_they_should_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="`python -m ldm label au` writes them"):
        read_thresholds(tmp_path / "no.json")
    (tmp_path / "t.json").write_text('[{"unit": 12}]')
    with pytest.raises(ValueError, match=r"is no OUT\.thresholds\.json"):
        read_thresholds(tmp_path / "t.json")
    (tmp_path / "t.json").write_text("[]")
    with pytest.raises(ValueError, match="holds no unit's threshold"):
        read_thresholds(tmp_path / "t.json")
    (tmp_path / "t.json").write_text(json.dumps([{"unit": 12, "threshold": {"at": 0.5, "full": 1, "how": "rate"}}]))
    assert read_thresholds(tmp_path / "t.json")[12].at == 0.5
    with pytest.raises(FileNotFoundError, match=r"holds no action_units\.npz"):
        real_faces(tmp_path, [12], 3)
    with pytest.raises(FileNotFoundError, match=r"holds no labels\.csv"):
        subjects_of(tmp_path)


def test_people_who_were_trained_on_are_refused(tmp_path: Path) -> None:
    trained, tested = prepared(tmp_path / "train"), prepared(tmp_path / "test")
    with pytest.raises(AuDataError, match="subject ada is in the splits"):
        require_unseen([trained], tested)
    (trained / "labels.csv").write_text("path,subject\ncy/1.jpg,cy\n")
    require_unseen([trained, tmp_path / "elsewhere"], tested)
