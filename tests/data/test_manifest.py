import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from ldm.data.manifest import (
    ManifestError,
    Record,
    append_record,
    group_people,
    read_manifest,
    read_people,
    write_manifest,
)
from ldm.data.path_pickle import read_paths, write_paths
from ldm.data.people import people_of


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def full_record(path: str = "out/añn b.jpg", person: str = "añn b") -> Record:
    vector = np.arange(1, 9, dtype=np.float32)
    return Record(
        path=Path(path),
        person=person,
        source=Path("in/añn b.jpg"),
        source_sha256="ab" * 32,
        box=(1.0, 2.0, 3.0, 4.0),
        points=((1.0, 2.0),) * 5,
        crop_points=((3.0, 4.0),) * 5,
        score=0.9,
        sharpness=12.5,
        vector=vector / np.linalg.norm(vector),
        encoder="sface",
        detector="yunet",
        size=512,
        mode="ffhq",
        face=1,
        faces=2,
    )


def test_a_record_survives_its_line_unchanged(tmp_path):
    record = full_record()
    write_manifest(tmp_path / "out.jsonl", [record])
    (again,) = read_manifest(tmp_path / "out.jsonl")
    assert again == record
    np.testing.assert_allclose(again.vector, record.vector, atol=1e-7)
    assert "añn b" in (tmp_path / "out.jsonl").read_text(encoding="utf-8")


def test_read_people_joins_paths_to_the_manifests_folder(tmp_path):
    picture = touch(tmp_path / "deep" / "out" / "a b.jpg")
    write_manifest(tmp_path / "deep" / "out.jsonl", [Record(Path("out/a b.jpg"), "a b", source=Path("../in/a b.png"))])
    (record,) = read_people(tmp_path / "deep" / "out.jsonl")
    assert record.path == picture
    assert record.source == tmp_path / "deep" / "../in/a b.png"


def test_a_later_line_replaces_an_earlier_one(tmp_path):
    path = tmp_path / "out.jsonl"
    append_record(path, Record(Path("a.jpg"), "a", score=0.1))
    append_record(path, Record(Path("a.jpg"), "a", score=0.2))
    assert [record.score for record in read_manifest(path)] == [0.2]


def test_a_torn_last_line_is_left_out_with_a_warning(tmp_path, caplog):
    path = tmp_path / "out.jsonl"
    append_record(path, Record(Path("a.jpg"), "a"))
    with path.open("a") as file:
        file.write('{"path": "b.j')
    assert [record.person for record in read_manifest(path)] == ["a"]
    assert "last line is cut off" in caplog.text
    append_record(path, Record(Path("c.jpg"), "c"))
    assert [record.person for record in read_manifest(path)] == ["a", "c"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[]", "line 1: not a JSON object"),
        ("{", "line 1: Expecting property name"),
        ('{"path": "a.jpg"}', "lacks person"),
        ('{"path": "a.jpg", "person": "a", "persn": "b"}', "unknown keys persn"),
        ('{"path": 5, "person": "a"}', "line 1"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, line, message):
    path = tmp_path / "out.jsonl"
    path.write_text(f"{line}\n" + json.dumps({"path": "b.jpg", "person": "b"}) + "\n")
    with pytest.raises(ManifestError, match=message):
        read_manifest(path)


def test_missing_list_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"00_align_face\.sh PHOTOS faces"):
        read_people(tmp_path / "faces.jsonl")


def test_an_empty_list_is_an_error(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(ManifestError, match="lists no faces"):
        read_people(tmp_path / "a.jsonl")


def test_missing_pictures_are_counted_and_named(tmp_path):
    write_manifest(tmp_path / "a.jsonl", [Record(Path("x.jpg"), "x"), Record(Path("y.jpg"), "y")])
    with pytest.raises(FileNotFoundError, match=r"2 pictures that are not there, first .*x\.jpg"):
        read_people(tmp_path / "a.jsonl")


def test_the_pickle_is_a_plain_list_of_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "out" / "a.jpg")
    write_paths(Path("out.pickle"), [Path("out/a.jpg")])
    plain = pickle.loads((tmp_path / "out.pickle").read_bytes())  # our own file: what an old script would see
    assert plain == [str(tmp_path / "out" / "a.jpg")]
    assert [(r.path, r.person) for r in read_people(tmp_path / "out.pickle")] == [(tmp_path / "out" / "a.jpg", "a")]


def test_relative_paths_in_a_pickle_are_tried_from_here_then_from_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "here.jpg")
    touch(tmp_path / "sub" / "there.jpg")
    (tmp_path / "sub" / "list.pickle").write_bytes(pickle.dumps(["here.jpg", "there.jpg"]))
    assert read_paths(Path("sub/list.pickle")) == [Path("here.jpg"), Path("sub/there.jpg")]


class Evil:
    def __reduce__(self):
        return os.system, ("touch hacked",)


def test_a_pickle_that_names_a_function_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pickle").write_bytes(pickle.dumps(["a.jpg", Evil()]))
    with pytest.raises(ManifestError, match=r"evil\.pickle is refused: it asks for (posix|nt)\.system"):
        read_people(tmp_path / "evil.pickle")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a pickle that can be read"),
        (b"hello", "not a pickle that can be read"),
        (pickle.dumps({"a": 1}), "must hold a plain list of path strings"),
        (pickle.dumps([("a.jpg", 0.5)]), "must hold a plain list of path strings"),
        (pickle.dumps([Path("a.jpg")]), "is refused: it asks for pathlib"),
        (pickle.dumps([]), "lists no faces"),
    ],
)
def test_a_pickle_of_something_else_is_an_error(tmp_path, content, message):
    (tmp_path / "x.pickle").write_bytes(content)
    with pytest.raises(ManifestError, match=message):
        read_people(tmp_path / "x.pickle")


def test_published_names_sub_folders_and_other_files_name_people():
    files = ["00000_id0_#0.jpg", "00001_id0_#1.jpg", "00002_id12_#0.jpg", "anna.jpg", "bob/1.jpg", "bob/late/2.jpg"]
    assert people_of([Path("in") / f for f in files], Path("in")) == ["id0", "id0", "id12", "anna", "bob", "bob"]


def test_without_a_root_the_deepest_shared_folder_is_taken():
    assert people_of([Path("/d/x/1.jpg"), Path("/d/x/2.jpg")]) == ["1", "2"]
    assert people_of([Path("/d/x/1.jpg"), Path("/d/y/2.jpg")]) == ["x", "y"]
    assert people_of([]) == []


def test_people_come_in_natural_order_with_all_their_pictures():
    records = [Record(Path(f"{n}.jpg"), person) for n, person in enumerate(["id10", "id2", "id10", "Zoe", "anna", "²"])]
    people = group_people(records)
    assert list(people) == ["Zoe", "anna", "id2", "id10", "²"]
    assert [record.path.name for record in people["id10"]] == ["0.jpg", "2.jpg"]
