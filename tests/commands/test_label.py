import csv
import json
import sys
from types import SimpleNamespace

import pytest
from PIL import Image
from typer.testing import CliRunner

from evaluation.studies.action_units.readers import read_thresholds
from ldm.__main__ import app
from ldm.data.action_units.blendshapes import PYFEAT
from tests.conftest import needs_shared


def label(*arguments, code=0):
    result = CliRunner().invoke(app, ["label", "au", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output + (str(result.exception) if code and result.exception else "")


@needs_shared
def test_photos_get_labels_that_prepare_reads(tmp_path, astronaut, hopper, shared_data):
    folder, out = tmp_path / "photos", tmp_path / "labels.csv"
    for name, photo in (("eileen", astronaut), ("grace", hopper)):
        (folder / name).mkdir(parents=True)
        photo.save(folder / name / "a.png")
    Image.new("RGB", (200, 200)).save(folder / "grace" / "black.png")
    (tmp_path / "truth.csv").write_text("path,AU12\neileen/a.png,1\ngrace/a.png,0\n")
    options = [
        "--landmarker",
        shared_data / "face" / "face_landmarker.task",
        "--calibration",
        1.0,
        "--backend",
        "yunet-sface",
    ]
    printed = label(folder, out, *options, "--truth", tmp_path / "truth.csv", code=1)
    assert "failed: grace/black.png: no face found" in printed
    assert "2 labelled, 1 failed" in printed
    assert f"next: python -m ldm prepare au --source csv {out} FOLDER --pictures {folder}" in printed
    with out.open() as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert (rows["eileen/a.png"]["AU12"], rows["grace/a.png"]["AU12"]) == ("1", "0")
    assert rows["eileen/a.png"]["subject"] == "eileen"
    assert json.loads((tmp_path / "labels.thresholds.json").read_text())[0]["threshold"]["how"] == "rate"
    again = label(folder, out, *options, "--strict", code=1)
    assert "black.png: no face found (strict mode stops at the first)" in again
    (folder / "grace" / "black.png").unlink()
    assert "2 labelled, 0 failed" in label(folder, out, *options)
    (tmp_path / "truth.csv").write_text("path,AU12,AU4\neileen/a.png,2,1\nsomebody/else.png,1,1\n")
    assert "odd: 1 x occurrence that is not 0, 1 or 9" in label(
        folder, out, *options, "--truth", tmp_path / "truth.csv", code=1
    )
    result = CliRunner().invoke(
        app,
        [
            "prepare",
            "au",
            "--source",
            "csv",
            str(out),
            str(tmp_path / "out"),
            "--pictures",
            str(folder),
            "--mode",
            "code",
        ],
    )
    assert result.exit_code == 0, result.output
    assert "AU12" in (tmp_path / "out" / "eileen" / "a.txt").read_text()


def test_a_missing_landmarker_and_an_unknown_table(tmp_path, hopper):
    hopper.save(tmp_path / "a.png")
    assert "it is MediaPipe's face_landmarker.task" in label(
        tmp_path, tmp_path / "o.csv", "--landmarker", tmp_path / "x.task", code=1
    )
    assert "--table feat: there are plain, openface" in label(
        tmp_path, tmp_path / "o.csv", "--landmarker", tmp_path / "x.task", "--table", "feat", code=1
    )


@needs_shared
def test_pictures_without_any_face(tmp_path, shared_data):
    Image.new("RGB", (100, 100)).save(tmp_path / "a.png")
    task = shared_data / "face" / "face_landmarker.task"
    assert "no face was measured in 1 pictures" in label(tmp_path, tmp_path / "o.csv", "--landmarker", task, code=1)


class Table(list):
    def to_dict(self, orient):
        assert orient == "records"
        return list(self)


class Detector:
    """As py-feat 2.1 answers: a row a face, one of NaN for a picture without any."""

    def detect(self, inputs, data_type, progress_bar):
        [file] = inputs
        light = float(Image.open(file).convert("L").resize((1, 1)).getpixel((0, 0))) / 255
        units = {f"AU{unit:02d}": light for unit in PYFEAT}
        small = {"FaceRectWidth": 2.0, "FaceRectHeight": 2.0, "input": file, **dict.fromkeys(units, 0.0)}
        if light == 0:
            return Table([{name: float("nan") for name in small}])
        return Table([small, {**small, "FaceRectWidth": 9.0, "FaceRectHeight": 9.0, **units}])


def test_py_feat_measures_where_it_is_installed(tmp_path, monkeypatch):
    for name, light in (("ada", 200), ("bo", 60), ("nobody", 0)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("L", (64, 64), light).save(tmp_path / "photos" / name / "a.png")
    options = (tmp_path / "photos", tmp_path / "l.csv", "--by", "py-feat", "--calibration", 1.0)
    monkeypatch.setitem(sys.modules, "feat", None)
    assert "py-feat is not installed: pip install 'py-feat>=2.1,<3'" in label(*options, code=1)
    monkeypatch.setitem(sys.modules, "feat", SimpleNamespace(Detectorv1=Detector))
    assert "failed: nobody/a.png: no face found" in label(*options, code=1)
    with (tmp_path / "l.csv").open() as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert [rows[f"{name}/a.png"]["AU6"] for name in ("ada", "bo")] == ["1", "0"]
    with pytest.raises(ValueError, match="has thresholds of py-feat, drawn faces are read by blendshapes"):
        read_thresholds(tmp_path / "l.thresholds.json")


def test_no_landmarker_is_given(tmp_path, hopper):
    hopper.save(tmp_path / "a.png")
    assert "give --landmarker FILE: it is MediaPipe's" in label(tmp_path, tmp_path / "o.csv", code=1)
