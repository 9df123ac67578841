import json
import os
import pickle
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm.data.manifest import group_people, read_people


def test_faces_a_manifest_and_the_old_pickle_come_out(align, tree, photos, tmp_path):
    before = tree(photos)
    out = tmp_path / "aligned v1.0"
    said = align(photos, out)
    assert "2 aligned, 0 skipped (already done), 0 failed" in said
    assert "aligned v1.0.jsonl" in said
    assert tree(photos) == before

    names = ["Eileen Collins ü.png", "grace [x].jpg"]
    assert sorted(tree(out)) == names
    pictures = [Image.open(out / name) for name in names]
    assert [(p.size, p.mode, p.format) for p in pictures] == [((512, 512), "RGB", "PNG"), ((512, 512), "RGB", "JPEG")]

    lines = [json.loads(line) for line in (tmp_path / "aligned v1.0.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["path"] for line in lines] == [f"aligned v1.0/{name}" for name in names]
    assert [line["source"] for line in lines] == [f"photos/{name}" for name in names]
    assert pickle.loads((tmp_path / "aligned v1.0.pickle").read_bytes()) == [str(out / name) for name in names]

    records = read_people(tmp_path / "aligned v1.0.jsonl")
    assert list(group_people(records)) == ["Eileen Collins ü", "grace [x]"]
    for record in records:
        assert record.path.is_file()
        assert record.source.is_file()
        assert np.asarray(record.points).shape == np.asarray(record.crop_points).shape == (5, 2)
        assert len(record.box) == 4
        assert np.linalg.norm(record.vector) == pytest.approx(1, abs=1e-5)
        assert (record.encoder, record.detector, record.mode, record.size) == ("sface", "yunet", "ffhq", 512)
        assert record.score > 0.8
        assert record.sharpness > 1
    assert records[0].vector @ records[1].vector < 0.3


def test_a_batch_reports_what_failed_and_goes_on(align, photos, tmp_path, astronaut):
    Image.new("RGB", (300, 300), "white").save(photos / "no face.jpg")
    astronaut.resize((200, 200)).save(photos / "small.png")
    (photos / "empty.jpg").touch()
    (photos / "text.jpg").write_text("hello")
    whole = (photos / "grace [x].jpg").read_bytes()
    (photos / "cut off.jpg").write_bytes(whole[: len(whole) // 3])
    said = align(photos, tmp_path / "out", code=1)
    for line in (
        "failed: no face.jpg: no face found",
        "failed: small.png: the largest face is 3",
        "failed: empty.jpg: is empty (0 bytes)",
        "failed: text.jpg: is not a picture that can be read",
        "failed: cut off.jpg: is damaged or cut off",
        "2 aligned, 0 skipped (already done), 5 failed",
    ):
        assert line in said
    assert len(read_people(tmp_path / "out.jsonl")) == 2
    assert "0 aligned, 2 skipped (already done), 5 failed" in align(photos, tmp_path / "out", code=1)


def test_all_faces_get_numbers_and_are_people_of_their_own(align, tree, group, tmp_path):
    align(group, tmp_path / "out", "--faces", "all", "--size", "64")
    assert sorted(tree(tmp_path / "out")) == ["two_0.png", "two_1.png"]
    records = read_people(tmp_path / "out.jsonl")
    assert [(r.person, r.face, r.faces) for r in records] == [("two_0", 0, 2), ("two_1", 1, 2)]
    assert "0 aligned, 1 skipped" in align(group, tmp_path / "out", "--faces", "all", "--size", "64")
    (tmp_path / "out" / "two_1.png").unlink()
    assert "1 aligned, 0 skipped" in align(group, tmp_path / "out", "--faces", "all", "--size", "64")


def test_one_refuses_several_faces(align, group, tmp_path):
    assert "two.png: 2 faces found where one is wanted" in align(group, tmp_path / "out", "--faces", "one", code=1)
    assert not (tmp_path / "out.jsonl").exists()
    align(group, tmp_path / "out", "--faces", "largest")
    assert "2 faces found" in align(group, tmp_path / "out", "--faces", "one", code=1)  # not skipped as done


def test_sub_folders_are_people_and_odd_formats_become_jpeg(align, tree, tmp_path, astronaut, hopper):
    photos = tmp_path / "photos"
    (photos / "eileen").mkdir(parents=True)
    (photos / "grace").mkdir()
    astronaut.save(photos / "eileen" / "1.webp")
    astronaut.crop((100, 0, 400, 300)).save(photos / "eileen" / "2.bmp")
    hopper.save(photos / "grace" / "1.JPG")
    align(photos, tmp_path / "out", "--size", "64")
    assert sorted(tree(tmp_path / "out")) == ["eileen/1.jpg", "eileen/2.jpg", "grace/1.JPG"]
    assert {k: len(v) for k, v in group_people(read_people(tmp_path / "out.jsonl")).items()} == {
        "eileen": 2,
        "grace": 1,
    }


def test_arcface_mode_cuts_tighter(align, photos, tmp_path):
    align(photos, tmp_path / "out", "--mode", "arcface", "--size", "112")
    (record, _) = read_people(tmp_path / "out.jsonl")
    np.testing.assert_allclose(np.asarray(record.crop_points)[:, 0], [38.3, 73.5, 56.0, 41.5, 70.7], atol=4)


@pytest.mark.parametrize(
    ("prepare", "arguments", "message"),
    [
        (None, ["nowhere", "out"], "error: folder not found: nowhere"),
        (lambda: Path("in").mkdir(), ["in", "out"], "error: no photos in in: pictures end in"),
        (lambda: Path("in").touch(), ["in", "out"], "error: in is a file: give the folder that holds the photos"),
    ],
)
def test_wrong_folders_are_usage_errors(align, tmp_path, monkeypatch, prepare, arguments, message):
    monkeypatch.chdir(tmp_path)
    if prepare:
        prepare()
    assert message in align(*arguments, code=2)
    assert not (tmp_path / "out").exists()


def test_a_pack_that_is_not_there_is_a_usage_error(align, photos, tmp_path):
    assert "error: no insightface pack 'buffalo_xl'" in align(
        photos, tmp_path / "out", "--backend", "buffalo_xl", code=2
    )


@pytest.mark.parametrize("arguments", [[], ["in"], ["in", "out", "--mode", "other"], ["in", "out", "--size", "0"]])
def test_wrong_arguments_are_usage_errors(align, arguments):
    align(*arguments, code=2)


@pytest.mark.slow
def test_the_script_takes_paths_from_where_the_user_stands(photos, tmp_path, root):
    there = tmp_path / "a b"
    there.mkdir()
    command = ["bash", str(root / "00_align_face.sh"), "../photos", "out", "--size", "64"]
    done = subprocess.run(command, cwd=there, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 aligned, 0 skipped (already done), 0 failed: out.jsonl\n"
    assert len(read_people(there / "out.jsonl")) == 2
    shutil.rmtree(photos)
    again = subprocess.run(command, cwd=there, capture_output=True, text=True)
    assert again.returncode == 2
    assert "folder not found: ../photos" in again.stderr
