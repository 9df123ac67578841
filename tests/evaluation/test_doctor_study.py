import csv
from pathlib import Path

import pytest

from evaluation.studies import doctor as study
from ldm.faces.backend import load_backend
from ldm.faces.checkup import look_at


def test_every_fault_that_the_doctor_names_is_planted_and_clear_ones_are_there():
    from ldm.faces.faults import LEAVES_OUT

    cells = list(study.cells())
    assert {cell.fault for cell in cells} >= LEAVES_OUT
    assert {cell.fault for cell in cells if cell.severity == "clear"} == {cell.fault for cell in cells}
    assert len({(cell.fault, cell.how) for cell in cells}) == len(cells)


def test_clear_faults_of_one_photo_are_found(astronaut, tmp_path):
    backend = load_backend("yunet-sface")
    one = look_at(astronaut, tmp_path / "a.png", "eileen", backend)
    for cell in study.cells():
        if cell.severity != "clear" or cell.plant is None or cell.fault in ("duplicate", "lies on its side"):
            continue
        cell.plant(astronaut, one, tmp_path / "b.jpg")
        said = study.found_in([], study.examine(tmp_path / "b.jpg", "eileen", backend))
        assert cell.fault in said


def test_people_are_those_after_the_calibrated_ones(tmp_path, monkeypatch):
    for number in range(30):
        for photo in range(5):
            path = tmp_path / f"p{number:02}" / f"{photo}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x")
    chosen = study.people_of(tmp_path, 6)
    assert len(chosen) == 6
    assert all(len(photos) == study.EACH for photos in chosen.values())
    assert list(chosen) == list(study.people_of(tmp_path, 6)), "the seed chooses"
    with pytest.raises(ValueError, match="6 people with 5 photos are left to measure on, not 7"):
        study.people_of(tmp_path, 7)


def test_the_study_writes_its_table_and_its_section(tmp_path, monkeypatch, astronaut, hopper):
    people = {}
    for name, photo in (("eileen", astronaut), ("grace", hopper)):
        (tmp_path / name).mkdir()
        people[name] = []
        for number in range(study.EACH):
            people[name].append(tmp_path / name / f"{number}.jpg")
            photo.crop((number, number, photo.width, photo.height)).resize((400, 400)).save(people[name][-1])
    monkeypatch.setattr(study, "people_of", lambda *_: people)
    dark = [cell for cell in study.cells() if cell.fault == "too dark"]
    monkeypatch.setattr(study, "cells", lambda: dark)
    sections = {}
    monkeypatch.setattr(study, "replace_section", lambda title, body: sections.update({title: body}))
    study.run(Path("lfw"), 2, 1, tmp_path / "out", document=True)
    with (tmp_path / "out" / "doctor.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["severity"] for row in rows] == ["mild", "medium", "clear"]
    assert rows[-1]["recall"] == "1.0"
    words = " ".join(sections["Doctor"].split())
    assert "Of 10 untouched photos 8 (80.0%) were called faulty: 0 (0.0%) for a second face alone" in words
    assert "and 8 (80.0%) for anything else" in words, "of five copies of a photo four are too many"
    assert (tmp_path / "out" / "called_faulty.jpg").is_file()
