import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm.data.action_units.blendshapes import TABLE, is_calibration
from ldm.faces.blendshapes import NAMES
from ldm.runs.au_labels import Scores, label


def shape(smile=0.0, jaw=0.0):
    return dict.fromkeys(NAMES, 0.01) | {"mouthSmileLeft": smile, "mouthSmileRight": smile, "jawOpen": jaw}


@pytest.fixture
def pictures(tmp_path):
    paths = [tmp_path / f"{n}.png" for n in range(4)]
    for n, path in enumerate(paths):
        Image.new("L", (4, 4), 60 * n).save(path)
    return paths


def by_brightness(picture):
    value = np.asarray(picture)[0, 0, 0] / 255
    return shape(float(value)) if value else None


def test_what_was_measured_is_kept_and_not_measured_again(tmp_path, pictures):
    pictures[3].write_bytes(b"broken")
    done = []
    failures = Scores(tmp_path / "s.jsonl", tmp_path).measure(pictures, by_brightness, done.append)
    assert [(path.name, reason.replace(str(path), "")) for path, reason in failures] == [
        ("0.png", "no face found"),
        ("3.png", " is not a picture that can be read"),
    ]
    assert len(done) == 4
    with (tmp_path / "s.jsonl").open("a") as file:
        file.write('{"path": "2.p')
    again = Scores(tmp_path / "s.jsonl", tmp_path)
    assert set(again.rows) == {pictures[1], pictures[2]}
    assert again.rows[pictures[1]]["mouthSmileLeft"] == pytest.approx(60 / 255, abs=1e-6)
    asked = []
    again.measure(pictures[:3], lambda picture: asked.append(1), lambda _: None)
    assert len(asked) == 1, "only the one without a face"
    assert all(json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines())


def measured(count=200):
    paths = [Path(f"{n}.png") for n in range(count)]
    scores = {path: shape(smile=n / count, jaw=(n * 7 % count) / count) for n, path in enumerate(paths)}
    subjects = {path: f"person {n // 2}" for n, path in enumerate(paths)}
    return paths, scores, subjects


def test_thresholds_come_from_people_where_they_labelled_and_from_a_rate_elsewhere():
    paths, scores, subjects = measured()
    truth = {path: {12: n >= 120} for n, path in enumerate(paths)}
    samples, judged = label(scores, subjects, truth, 0.3, 0.2)
    by_unit = {one.unit: one for one in judged}
    assert by_unit[12].threshold.how == "labels"
    assert by_unit[12].threshold.at == pytest.approx(0.6, abs=0.05)
    assert by_unit[12].auc == 1.0
    assert by_unit[12].f1 > 0.9
    assert by_unit[26].threshold.how == "rate"
    assert by_unit[26].present == pytest.approx(0.2, abs=0.15)
    assert by_unit[26].auc is None
    assert samples[-1].occurrence[12]
    assert not samples[0].occurrence[12]
    assert samples[-1].intensity[12] == 5
    assert by_unit[43].threshold.how == "table"
    assert by_unit[43].present == 0


def test_weak_units_are_left_out_unless_asked_for():
    _, scores, subjects = measured(40)
    weak = {unit for unit, one in TABLE.items() if one.weak}
    assert weak.isdisjoint(one.unit for one in label(scores, subjects, {}, 0.5, 0.2)[1])
    assert weak <= {one.unit for one in label(scores, subjects, {}, 0.5, 0.2, weak=True)[1]}


def test_nobody_to_set_thresholds_by():
    name = next(f"p{n}" for n in range(100) if not is_calibration(f"p{n}", 0.1))
    with pytest.raises(
        ValueError, match="of 1 pictures, none is of a subject in the calibration split: raise its share"
    ):
        label({Path("a"): shape()}, {Path("a"): name}, {}, 0.1, 0.2)
