import json

import pytest
from PIL import Image, ImageFilter

from ldm.data.manifest import read_people
from ldm.faces.photos import read_photo
from tests.commands.test_evaluate_people import exit_code


@pytest.fixture
def ill(tmp_path, astronaut, hopper):
    """A folder of two people with a fault of every kind that two photos can have."""
    folder = tmp_path / "photos"
    (folder / "eileen").mkdir(parents=True)
    (folder / "grace").mkdir()
    astronaut.save(folder / "eileen" / "good.png")
    astronaut.resize((400, 400)).save(folder / "eileen" / "copy.jpg")
    astronaut.rotate(90).save(folder / "eileen" / "side.jpg")
    Image.new("RGB", (200, 200), "teal").save(folder / "eileen" / "blank.png")
    (folder / "eileen" / "torn.jpg").write_bytes(b"\xff\xd8 torn")
    (folder / "eileen" / "good.txt").write_text("a photo of an astronaut")
    hopper.filter(ImageFilter.GaussianBlur(8)).save(folder / "grace" / "blurred.jpg")
    both = Image.new("RGB", (1024, 600))
    both.paste(hopper, (0, 0))
    both.paste(hopper.resize((500, 586)).transpose(Image.Transpose.FLIP_LEFT_RIGHT), (514, 0))
    both.save(folder / "grace" / "two.png")
    return folder


def test_the_doctor_names_every_fault_and_writes_a_cleaned_copy(ill, tmp_path, tree, capsys):
    before = tree(ill)
    words = ["doctor", ill, "--backend", "yunet-sface", "--out", tmp_path / "report"]
    assert exit_code(*words, "--fix", tmp_path / "clean", "--size", 128) == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    kinds = {one["file"]: [fault["kind"] for fault in one["faults"]] for one in found["photos"]}
    sick = {"eileen/good.png": [], "eileen/blank.png": ["no face"], "eileen/torn.jpg": ["unreadable"]}
    assert kinds | sick == kinds
    assert kinds["grace/blurred.jpg"] == ["blurred"]
    assert kinds["grace/two.png"] == ["several faces"]
    assert sorted(kinds["eileen/copy.jpg"] + kinds["eileen/side.jpg"]) == ["duplicate", "duplicate", "lies on its side"]
    assert "7 photos of 2 people: 2 to learn from" in said
    assert "2 cleaned photos in" in said
    assert tree(ill) == before, "the source is never changed"
    people = {record.person: record for record in read_people(tmp_path / "clean.jsonl")}
    assert set(people) == {"eileen", "grace"}
    assert read_photo(people["eileen"].path).size == (128, 128)
    assert people["eileen"].path.with_suffix(".txt").read_text() == "a photo of an astronaut\n"
    assert (tmp_path / "report" / "photos.csv").is_file()
    rows = {row["photo"]: row for row in found["tables"]["photos"]}
    assert (rows["two.png"]["bucket"], rows["good.png"]["caption"]) == ("168 x 96", "a photo of an astronaut")


def test_a_photo_on_its_side_is_written_upright(tmp_path, astronaut):
    (tmp_path / "photos").mkdir()
    astronaut.rotate(180).save(tmp_path / "photos" / "a.png")
    words = [
        "doctor",
        tmp_path / "photos",
        "--backend",
        "yunet-sface",
        "--out",
        tmp_path / "report",
        "--fix",
        tmp_path / "out",
    ]
    assert exit_code(*words, "--size", 128) == 0
    [record] = read_people(tmp_path / "out.jsonl")
    left_eye, right_eye, *_ = record.crop_points
    assert left_eye[0] < right_eye[0]
    assert left_eye[1] == pytest.approx(right_eye[1], abs=10)


def test_what_the_doctor_cannot_do_is_said(tmp_path, capsys):
    assert exit_code("doctor", tmp_path / "none") == 1
    assert "folder not found" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert exit_code("doctor", tmp_path / "empty") == 1
    assert "no photos in" in capsys.readouterr().err
    Image.new("RGB", (99, 99)).save(tmp_path / "empty" / "a.png")
    words = ["doctor", tmp_path / "empty", "--backend", "yunet-sface", "--out", tmp_path / "r", "--fix"]
    assert exit_code(*words, tmp_path / "x") == 1
    assert "can be learned from, so there is nothing to write" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    assert exit_code(*words, tmp_path / "empty") == 1
    said = capsys.readouterr()
    assert "is both IN and OUT" in said.err
    assert "look" not in said.err, "refused before the photos are looked at"


def test_what_is_left_out_now_goes_from_the_cleaned_copy(tmp_path, tree, astronaut, hopper, capsys):
    photos, clean = tmp_path / "photos", tmp_path / "clean"
    for name, photo in (("eileen", astronaut), ("grace", hopper), ("gone", hopper)):
        (photos / name).mkdir(parents=True)
        photo.save(photos / name / "a.png")
        (photos / name / "a.txt").write_text(f"a photo of {name}")
    words = ["doctor", photos, "--backend", "yunet-sface", "--out", tmp_path / "r", "--fix", clean, "--size", 64]
    assert exit_code(*words) == 0
    assert len(tree(clean)) == 6
    (photos / "gone" / "a.png").unlink()
    (photos / "gone" / "a.txt").unlink()
    hopper.filter(ImageFilter.GaussianBlur(8)).save(photos / "grace" / "a.png")
    before = tree(photos)
    own = json.loads((tmp_path / "clean.jsonl").read_text().splitlines()[0])
    for name, changes in (("other", {"source": "elsewhere/a.png"}), ("mine", {"wanted": "largest"})):
        astronaut.save(clean / f"{name}.png")
        with (tmp_path / "clean.jsonl").open("a") as file:
            file.write(json.dumps(own | {"path": f"clean/{name}.png", "source": "photos/b.png"} | changes) + "\n")
    capsys.readouterr()
    assert exit_code(*words) == 0
    said = capsys.readouterr().out
    assert f"2 cleaned before and not to be learned from any more: removed from {clean}" in said
    assert "1 cleaned photos in" in said
    assert tree(photos) == before, "the source is never changed"
    assert tree(clean).keys() == {"eileen/a.png", "eileen/a.txt", "other.png", "mine.png"}
    listed = {record.path.relative_to(clean).as_posix() for record in read_people(tmp_path / "clean.jsonl")}
    assert listed == {"eileen/a.png", "other.png", "mine.png"}, "of other photos, and by `align`, stay"
