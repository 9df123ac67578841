import logging

import numpy as np
import pytest
from PIL import Image

from ldm.data.manifest import Record, write_manifest
from ldm.runs import doctor_quick
from ldm.runs.doctor_quick import say_what_is_wrong

FACES = "ldm.data.face_id.FaceIdDatasetOneShot"
INSTANCES = "ldm.data.instances.InstancePictures"


def data(target, **params):
    return {"params": {"train": {"target": target, "params": params}}}


@pytest.fixture
def manifest(tmp_path, astronaut):
    """Five aligned pictures called one person's: a copy, and a stranger by its vector."""
    records = []
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 255, (64, 64, 3), np.uint8)
        picture = Image.fromarray(np.kron(noise[::8, ::8], np.ones((8, 8, 1), np.uint8)).astype(np.uint8))
        if number == 5:
            picture = Image.open(tmp_path / "0.png")
        picture.save(tmp_path / f"{number}.png")
        vector = np.eye(8, dtype=np.float32)[7 if number == 1 else 0]
        records.append(Record(tmp_path / f"{number}.png", "ada", vector=vector, encoder="sface", mode="ffhq"))
    write_manifest(tmp_path / "list.jsonl", records)
    return tmp_path / "list.jsonl"


def test_what_is_wrong_with_aligned_faces_is_said_before_training(manifest, caplog, monkeypatch):
    monkeypatch.setattr(doctor_quick, "load_backend", lambda: pytest.fail("no face is searched in aligned faces"))
    with caplog.at_level(logging.INFO):
        verdicts = say_what_is_wrong(data(FACES, pickle_path=str(manifest)))
    found = {v.checkup.path.name: [fault.kind for fault in v.faults] for v in verdicts if v.faults}
    assert found == {"1.png": ["wrong person"], "5.png": ["duplicate"]}
    assert (
        "looked at 6 photos: 1 duplicate, 1 wrong person" in caplog.text or "1 wrong person, 1 duplicate" in caplog.text
    )
    assert "python -m ldm doctor PHOTOS --fix OUT" in caplog.text


def test_good_photos_are_one_line(tmp_path, tiny_manifest, caplog):
    with caplog.at_level(logging.INFO):
        say_what_is_wrong(data(FACES, pickle_path=str(tiny_manifest)))
    assert [record.getMessage() for record in caplog.records] == ["looked at 2 photos: nothing is wrong with them"]


def test_a_folder_of_a_style_is_not_asked_for_faces(tmp_path, caplog):
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).resize((128, 128)).save(tmp_path / f"{number}.png")
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8 torn")
    verdicts = say_what_is_wrong(data(INSTANCES, folder=str(tmp_path)))
    assert [[fault.kind for fault in verdict.faults] for verdict in verdicts] == [[], [], [], ["unreadable"]]


def test_other_data_and_what_is_not_there_are_left_to_training(tmp_path):
    assert say_what_is_wrong(data("ldm.data.store.CaptionedLatents", folder=str(tmp_path))) == []
    assert say_what_is_wrong(data(FACES, pickle_path=str(tmp_path / "none.jsonl"))) == []
    assert say_what_is_wrong(data(INSTANCES)) == []
    assert say_what_is_wrong({}) == []
