import csv
import json

from PIL import Image
from typer.testing import CliRunner

from ldm.__main__ import app
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
    with out.open() as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert (rows["eileen/a.png"]["AU12"], rows["grace/a.png"]["AU12"]) == ("1", "0")
    assert rows["eileen/a.png"]["subject"] == "eileen"
    assert json.loads((tmp_path / "labels.thresholds.json").read_text())[0]["threshold"]["how"] == "rate"
    again = label(folder, out, *options, "--strict", code=1)
    assert "black.png: no face found (strict mode stops at the first)" in again
    (folder / "grace" / "black.png").unlink()
    assert "2 labelled, 0 failed" in label(folder, out, *options)
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
