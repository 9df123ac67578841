import json

from PIL import Image

from ldm.data.manifest import read_people
from ldm.runs import aligned_folder


def test_running_again_skips_what_is_done_and_adds_what_is_new(align, tree, photos, tmp_path, hopper):
    out = tmp_path / "out"
    align(photos, out)
    before = tree(out)
    times = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    hopper.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(photos / "another.png")
    assert "1 aligned, 2 skipped" in align(photos, out)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert tree(out) == before | {"another.png": (out / "another.png").read_bytes()}
    assert len(read_people(tmp_path / "out.jsonl")) == 3


def test_a_changed_photo_other_settings_or_a_lost_picture_are_done_again(align, photos, tmp_path, hopper, astronaut):
    out = tmp_path / "out"
    align(photos, out, "--size", "64")
    assert "2 aligned, 0 skipped" in align(photos, out, "--size", "128")
    (out / "grace [x].jpg").unlink()
    assert "1 aligned, 1 skipped" in align(photos, out, "--size", "128")
    astronaut.save(photos / "grace [x].jpg")
    assert "1 aligned, 1 skipped" in align(photos, out, "--size", "128")
    records = read_people(tmp_path / "out.jsonl")
    assert [record.size for record in records] == [128, 128]
    assert records[0].vector @ records[1].vector > 0.9


def test_out_inside_in_is_not_taken_for_photos(align, photos):
    align(photos, photos / "aligned", "--size", "64")
    assert "0 aligned, 2 skipped" in align(photos, photos / "aligned", "--size", "64")


def test_out_may_be_the_folder_above_in(align, photos, tmp_path):
    align(photos, tmp_path, "--size", "64")
    assert (tmp_path / "grace [x].jpg").is_file()
    tmp_path.with_name(tmp_path.name + ".jsonl").unlink()
    tmp_path.with_name(tmp_path.name + ".pickle").unlink()


def test_nothing_of_others_is_overwritten(align, photos, tmp_path, astronaut):
    out = tmp_path / "out"
    out.mkdir()
    (out / "grace [x].jpg").write_bytes(b"precious")
    assert "was not made here" in align(photos, out, "--size", "64", code=1)
    assert (out / "grace [x].jpg").read_bytes() == b"precious"
    astronaut.save(photos / "Eileen Collins ü.jpg")
    astronaut.save(photos / "Eileen Collins ü.webp")
    said = align(photos, out, "--size", "64", code=1)
    assert "already holds the face of ../photos/Eileen Collins ü.jpg" in said.replace("\\", "/") or (
        "already holds the face of photos/Eileen Collins ü.jpg" in said
    )


def test_a_batch_that_was_killed_goes_on_where_it_was(align, photos, tmp_path, monkeypatch):
    saved = aligned_folder._save

    def killed(cut, target):
        if target.suffix == ".jpg":
            raise KeyboardInterrupt
        saved(cut, target)

    monkeypatch.setattr(aligned_folder, "_save", killed)
    monkeypatch.setattr(aligned_folder.AlignedFolder, "finish", lambda self: 0)  # as if by SIGKILL
    align(photos, tmp_path / "out", "--size", "64", code=130)
    monkeypatch.undo()
    with (tmp_path / "out.jsonl").open("a") as file:
        file.write('{"path": "out/x')
    assert "1 aligned, 1 skipped" in align(photos, tmp_path / "out", "--size", "64")
    assert len(read_people(tmp_path / "out.jsonl")) == 2


def test_an_output_that_cannot_be_written_is_a_usage_error(align, photos, tmp_path):
    (tmp_path / "file").write_text("x")
    said = align(photos, tmp_path / "file" / "out", code=2)
    assert "error: cannot write to" in said
    assert "choose another folder for OUT" in said
    assert "cannot write to" in align(photos, tmp_path / "file", code=2)
    assert "is both IN and OUT" in align(photos, photos, code=2)


def test_a_folder_without_permission_cannot_be_written(align, photos, tmp_path, monkeypatch):
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(aligned_folder.tempfile, "TemporaryFile", refuse)
    assert "out: Permission denied; choose another folder" in align(photos, tmp_path / "out", code=2)


def test_a_damaged_manifest_is_a_usage_error(align, photos, tmp_path):
    (tmp_path / "out.jsonl").write_text("[]\n[]\n")
    assert "out.jsonl, line 1: not a JSON object" in align(photos, tmp_path / "out", code=2)


def test_another_choice_of_faces_takes_the_place_of_the_last_one(align, group, tmp_path, tree):
    """Whom the manifest's reader called otherwise stays so, and a new face of the photo is nobody of theirs."""
    out, manifest = tmp_path / "out", tmp_path / "out.jsonl"
    align(group, out, "--size", "64")
    manifest.write_text(manifest.read_text().replace('"person": "two"', '"person": "eileen"'))
    for size, faces, names in (
        ("96", "largest", {"two.png": "eileen"}),
        ("96", "all", {"two_0.png": "eileen", "two_1.png": "two_1"}),
        ("64", "largest", {"two.png": "eileen"}),
    ):
        assert "1 aligned, 0 skipped" in align(group, out, "--size", size, "--faces", faces)
        assert {record.path.name: record.person for record in read_people(manifest)} == names
        assert tree(out).keys() == names.keys()


def test_a_photo_that_a_manifest_lists_is_never_taken_for_its_crop(align, photos, tmp_path, tree):
    before = tree(photos)
    name = "photos/Eileen Collins ü.png"
    (tmp_path / "out.jsonl").write_text(json.dumps({"path": name, "person": "x", "source": name}) + "\n")
    align(photos, tmp_path / "out", "--size", "64")
    assert tree(photos) == before
