import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from ldm.__main__ import app
from ldm.data.action_units.facs import BP4D
from tests.data.action_units.trees import bp4d, disfa, picture

NEUTRAL = dict.fromkeys(BP4D, 0)


def prepare(*arguments, code=0):
    result = CliRunner().invoke(app, ["prepare", "au", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output + (str(result.exception) if code and result.exception else "")


@pytest.fixture
def tree(tmp_path):
    root = bp4d(tmp_path / "BP4D", "F001", "T1", {7: {**NEUTRAL, 12: 1, 6: 1}, 8: NEUTRAL})
    return bp4d(root, "M011", "T2", {2440: {**NEUTRAL, 4: 1}})


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("index", "AU_3,AU_6"),
        ("code", "AU6,AU12"),
        ("phrase", "Asian,female,close-up,whole-face,front-face,young,cheek-raiser,lip-corner-puller"),
        ("sentence", "a close-up photo of a young Asian woman raising her cheeks and pulling her lip corners up"),
    ],
)
def test_bp4d_becomes_a_folder_to_train_on(tree, tmp_path, mode, said):
    people = tmp_path / "people.csv"
    people.write_text("subject,ethnicity\nF001,Asian\n")
    out = tmp_path / "out"
    printed = prepare("--source", "bp4d", tree, out, "--mode", mode, "--people", people)
    assert "3 pictures of 2 subjects" in printed
    assert "AU12 Lip corner puller" in printed
    assert (out / "F001" / "T1" / "7.txt").read_text() == said + "\n"
    assert (out / "F001" / "T1" / "7.jpg").is_symlink()
    assert (out / "F001" / "T1" / "7.jpg").read_bytes() == (tree / "F001" / "T1" / "7.jpg").read_bytes()
    with (out / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["fold"] for row in rows] == ["1", "1", "2"], "the literature's"
    assert float(rows[0]["weight"]) > 0
    vectors = np.load(out / "action_units.npz")
    assert vectors["units"].tolist() == list(BP4D)
    assert vectors["occurrence"][0].tolist() == [0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0]
    assert np.isnan(vectors["intensity"]).all()
    assert json.loads((out / "report.json").read_text())["odd"] == []


def test_what_was_written_can_be_read_again_and_called_again(tree, tmp_path):
    out = tmp_path / "out"
    prepare("--source", "bp4d", tree, out)
    prepare("--source", "bp4d", tree, out)
    printed = prepare("--source", "csv", out / "labels.csv", tmp_path / "again", "--mode", "code", "--copy")
    assert "3 pictures of 2 subjects" in printed
    copied = tmp_path / "again" / "F001" / "T1" / "7.jpg"
    assert copied.with_suffix(".txt").read_text() == "AU6,AU12\n"
    assert not copied.is_symlink()


def test_what_is_odd_is_counted_and_strict_stops(tree, tmp_path):
    (tree / "F001" / "T1" / "8.jpg").unlink()
    printed = prepare("--source", "bp4d", tree, tmp_path / "out", code=1)
    assert "odd: 1 x label without picture, first F001/T1, frame 8" in printed
    assert "2 pictures of 2 subjects" in printed
    assert "strict mode stops" in prepare("--source", "bp4d", tree, tmp_path / "s", "--strict", code=1)
    assert not (tmp_path / "s").exists()


def test_another_picture_in_the_way_is_left_alone(tree, tmp_path):
    other = picture(tmp_path / "out" / "F001" / "T1" / "7.jpg")
    other.write_bytes(b"another")
    assert "another picture of this name is there already" in prepare(
        "--source", "bp4d", tree, tmp_path / "out", code=1
    )
    assert other.read_bytes() == b"another"


def test_disfa_with_intensity_words(tmp_path):
    root = disfa(tmp_path / "D", "SN001", {1: [0, 0], 12: [5, 2]})
    prepare("--source", "disfa", root, tmp_path / "out", "--mode", "sentence", "--units", "1,12")
    said = [(tmp_path / "out" / "SN001" / f"{n}.txt").read_text().strip() for n in range(2)]
    assert said == [
        "a close-up photo of a person extremely pulling their lip corners up",
        "a close-up photo of a person slightly pulling their lip corners up",
    ]


def test_wrong_arguments_say_what_would_be_right(tmp_path, tree):
    assert "does not look like DISFA" in prepare("--source", "disfa", tree, tmp_path / "o", code=1)
    assert "there is no AU3 here" in prepare("--source", "bp4d", tree, tmp_path / "o", "--units", "3", code=1)
    table = tmp_path / "t.csv"
    table.write_text("path,AU1\nx,1\n")
    assert "a unit's number and a column wanted" in prepare(
        "--source", "csv", table, tmp_path / "o", "--column", "smile=AU12", code=1
    )
    assert "there is no AU3 here" in prepare("--source", "csv", table, tmp_path / "o", "--column", "3=AU1", code=1)


def test_columns_with_other_names_are_declared(tmp_path):
    picture(tmp_path / "ada" / "1.jpg")
    (tmp_path / "t.csv").write_text("path,AU02_r,smiles\nada/1.jpg,4,1\n")
    named = ("--column", "12_intensity=AU02_r", "--column", "12=smiles")
    table = ("--table", "openface", "--mode", "sentence")
    prepare("--source", "csv", tmp_path / "t.csv", tmp_path / "out", *table, *named)
    said = (tmp_path / "out" / "ada" / "1.txt").read_text().strip()
    assert said == "a close-up photo of a person strongly pulling their lip corners up"


def old_tool(root, *arguments):
    command = [sys.executable, str(root / "tools" / "au2label.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_old_tool_reads_and_writes_as_it_did(tmp_path, root):
    lines = ["b.jpg:0,0,0,0,0,0,1,0,0,0,0,0", "a.jpg:1,0,0,0,0,0,0,0,0,0,0,1"]
    (tmp_path / "all_imgs.txt").write_text("\n".join(lines) + "\n")
    done = old_tool(root, tmp_path / "all_imgs.txt", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert [(tmp_path / "out" / f"00000{n}.txt").read_text() for n in (1, 2)] == ["AU_0,AU_11\n", "AU_6\n"]


def test_the_old_tool_matches_by_name_where_it_can(tmp_path, root):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sources.csv").write_text("number,source\n000001,b.png\n000002,c.png\n")
    lines = ["a.jpg:" + "0," * 11 + "1", "b.jpg:1" + ",0" * 11, "broken", "b:1,0"]
    (tmp_path / "all_imgs.txt").write_text("\n".join(lines))
    done = old_tool(root, tmp_path / "all_imgs.txt", tmp_path / "out", "--mode", "code")
    assert done.returncode == 1
    assert (tmp_path / "out" / "000001.txt").read_text() == "AU1\n"
    assert not (tmp_path / "out" / "000002.txt").exists()
    assert "1 x label without picture, first a.jpg" in done.stderr
    assert "1 x picture without label, first c.png" in done.stderr
    assert "2 x broken row" in done.stderr


def test_the_old_tool_counts_nothing_behind_a_broken_line(tmp_path, root):
    """Without sources.csv b would be called 000001, which is the picture of a."""
    (tmp_path / "all_imgs.txt").write_text("a.jpg:1,0\nb.jpg:1" + ",0" * 11 + "\n")
    done = old_tool(root, tmp_path / "all_imgs.txt", tmp_path / "out")
    assert done.returncode == 1
    assert "1 x broken row" in done.stderr
    assert "all_imgs.txt, line 1" in done.stderr
    assert "nothing was written: without" in done.stderr
    assert not (tmp_path / "out").exists()
