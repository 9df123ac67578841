"""`study action_units`: faces cropped and split by person, stages that are done once, the page."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from evaluation.report import Plot, Report, Table
from evaluation.stages import StageError, Stages
from evaluation.studies.action_units import document, study
from evaluation.studies.action_units.data import crop_faces, name_table, split_table
from evaluation.studies.action_units.pages import ASKED_COLUMNS, DOSE_COLUMNS
from evaluation.studies.action_units.plan import Order, Plan, command_of
from ldm.commands.generate_options import Who
from ldm.data.action_units.sample import AuDataError
from ldm.data.sources import Source

ORDER = Order(Path("C"), Path("L"), Path("T"), "where/NET.onnx:imagenet", Path("weights/embedded"), Path("out"))


def sources(folder: Path, astronaut: Image.Image, hopper: Image.Image) -> list[Source]:
    for name, picture in (("a", astronaut), ("h", hopper), ("black", Image.new("RGB", (200, 200)))):
        picture.save(folder / f"{name}.png")
    row = {"source": "celeba", "attributes": ["Smiling"]}
    return [
        Source(folder / "a.png", {**row, "file": "a.png", "identity": "7", "split": "train"}),
        Source(folder / "h.png", {"source": "lfw", "file": "h.png", "name": "Grace Hopper", "split": "held_out"}),
        Source(folder / "black.png", {**row, "file": "black.png", "identity": "8", "split": "train"}),
    ]


def test_faces_are_cropped_once_and_people_kept_apart(
    tmp_path: Path, astronaut: Image.Image, hopper: Image.Image, caplog: pytest.LogCaptureFixture
) -> None:
    found = sources(tmp_path, astronaut, hopper)
    assert crop_faces(found, tmp_path / "data", 64) == 2
    assert "no face found in black.png: left out" in caplog.text
    faces = tmp_path / "data" / "faces"
    assert Image.open(faces / "celeba-7" / "a.jpg").size == (64, 64)
    written = (faces / "celeba-7" / "a.jpg").stat().st_mtime_ns
    crop_faces(found, tmp_path / "data", 64)
    assert (faces / "celeba-7" / "a.jpg").stat().st_mtime_ns == written
    truth = (tmp_path / "data" / "truth.csv").read_text().splitlines()
    assert truth[0].endswith("AU12,AU25")
    assert truth[1] == "celeba-7/a.jpg,celeba-7,,,,,,1,0"
    labels = tmp_path / "labels.csv"
    labels.write_text("path,subject,AU12\nceleba-7/a.jpg,celeba-7,1\nlfw-Grace_Hopper/h.jpg,lfw-Grace_Hopper,0\n")
    train, test = split_table(labels, tmp_path / "data")
    assert "celeba-7" in train.read_text()
    assert "lfw-Grace_Hopper/h.jpg" in test.read_text()
    assert "celeba-7" not in test.read_text()
    labels.write_text("path,subject,AU12\nceleba-7/a.jpg,celeba-7,1\n")
    with pytest.raises(AuDataError, match="no labelled picture shows a person of the test part"):
        split_table(labels, tmp_path / "data")
    with pytest.raises(AuDataError, match="of 1 pictures, none shows a face"):
        crop_faces(found[2:], tmp_path / "none", 64)


def test_people_whom_the_model_knows_have_a_name(tmp_path: Path) -> None:
    rows = ["path,subject,task", *(f"{who}/1.jpg,{who}," for who in ("lfw-Ann_Bo", "celeba-7", "lfw-Cy_Di"))]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    table = name_table(tmp_path, ["Ann Bo", "Ed Fo", "7"], tmp_path / "names.csv")
    assert table.read_text() == "subject,name\nlfw-Ann_Bo,Ann Bo\n"


def test_a_stage_that_came_to_its_end_may_have_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "made"

    class Failing(Stages):
        def run(self, stage: str, command: object, env: object = None) -> None:
            raise StageError("exit code 1")

    stages = Failing(tmp_path, tmp_path)
    with pytest.raises(StageError):
        study._tolerant(stages, "label", ["label"], made)
    made.touch()
    study._tolerant(stages, "label", ["label"], made)
    done: list[int] = []
    study._once(made, lambda: done.append(1))
    study._once(tmp_path / "other", lambda: done.append(2))
    assert done == [2]


def test_a_run_is_taken_gone_on_with_or_begun(tmp_path: Path) -> None:
    order, plan = Order(*list(vars(ORDER).values())[:5], tmp_path), Plan()
    asked: list[list[str]] = []

    class Asking(Stages):
        def run(self, stage: str, command: object, env: object = None) -> None:
            asked.append([str(word) for word in command])  # type: ignore[attr-defined]
            (tmp_path / "runs" / "x_au_vector-8" / "checkpoints").mkdir(parents=True, exist_ok=True)

    def train() -> Path:
        return study.train(order, plan, Path("data"), Asking(tmp_path, tmp_path), "au_vector", 8, ["more=1"])

    assert train().name == "x_au_vector-8"
    assert asked[-1][1:4] == ["main.py", "--base", "configs/stable-diffusion/au_vector.yaml"]
    assert asked[-1][-1] == "more=1"
    (train() / "checkpoints" / "last.ckpt").touch()
    train()
    assert asked[-1] == [sys.executable, "main.py", "-r", str(tmp_path / "runs" / "x_au_vector-8"), "-t"]
    (tmp_path / "runs" / "x_au_vector-8" / "checkpoints" / "lora_gs-7.safetensors").touch()
    before = len(asked)
    train()
    assert len(asked) == before


def test_what_is_measured_and_the_command_that_says_so() -> None:
    plan = Plan(noises=4, units=[12, 4])
    asked = study.requests(ORDER, plan, Path("data"), Path("V"), Path("S"))
    assert list(asked) == ["vector", "blind", "captions", "untrained"]
    assert (asked["blind"].blind, asked["captions"].words, list(asked["captions"].units)) == (True, "code", [12, 4])
    assert asked["untrained"].who.sd == Path("weights/embedded")
    assert len({one.out for one in asked.values()}) == 4
    gentle = [study._request(ORDER, plan, Path("d"), Who(Path("V")), "people", weight) for weight in (5.0, 2.0)]
    assert [one.au_guidance for one in gentle] == [5, 2]
    assert gentle[0].out != gentle[1].out
    assert "--units" not in command_of(ORDER, Plan(units=[])), "an empty list is what no list is"
    assert command_of(ORDER, Plan(person_au_guidance=[3.0, 2.5])).endswith(
        "--person-au-guidance 3 --person-au-guidance 2.5"
    )
    said = command_of(ORDER, plan)
    assert said.endswith("--landmarker face_landmarker.task --judge NET.onnx:imagenet --noises 4 --units 12,4")


def report(arm: str) -> Report:
    asked = [["AU12 lip corner puller", "people's labels", "alone", 6, 0.5, *[0.9] * 15]]
    dose = [["AU12 lip corner puller", "people's labels", *[0.8] * 9, 0.2, 0.1, "AU25 0.20"]]
    parts: list[Table | Plot] = [
        Table("Gates", ("gate", "found", "low", "high", "at least", ""), [["AU12: AUC", 0.9, 0.8, 1.0, 0.8, "met"]]),
        Table("Asked for and measured", ASKED_COLUMNS, asked, "What it is."),
        Table("Dose and response", DOSE_COLUMNS, dose, "What it is."),
        Plot("Dose-response curves", b"png"),
    ]
    if arm.startswith("people"):
        parts.append(
            Table("Identity along the sweep", ("person", "neutral AUC", "at 0"), [["a <ada>", 0.9, 0.5]], "It falls.")
        )
    return Report(arm, "", [], parts, {})


def test_the_page_is_written_and_other_sections_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "docs" / "action_units.md"
    monkeypatch.setattr(document, "PAGE", page)
    (tmp_path / "data").mkdir()
    threshold = {
        "unit": 12,
        "threshold": {"at": 0.4, "full": 1, "how": "labels"},
        "present": 0.4,
        "auc": 0.97,
        "f1": 0.9,
    }
    (tmp_path / "data" / "labels.thresholds.json").write_text(json.dumps([threshold]))
    sweep = tmp_path / "vector" / "sweep" / "AU12"
    sweep.mkdir(parents=True)
    for seed in (42, 43):
        for level in (0, 5):
            Image.new("RGB", (8, 8)).save(sweep / f"000-{seed:05d}-{level}.png")
    arms = ("vector", "blind", "captions", "untrained", "people, weight 3", "people, weight 2")
    places = {arm: tmp_path / arm for arm in arms}
    facts = document.Facts("weights", "COMMAND", tmp_path, vars(Plan()), {arm: report(arm) for arm in arms}, places)
    page.parent.mkdir()
    page.write_text("# Title\n\n## Synthetic faces as training data\n\nKept.\n")
    document.write(facts)
    text = page.read_text()
    assert text.startswith("# Title")
    assert "Kept." in text
    assert "| told by a vector | AU12: AUC | 0.900 | 0.800 | 1.000 | 0.800 | met |" in text
    assert "| the same, told nothing | AU12 lip corner puller | 0.900 (0.900 to 0.900) |" in text
    assert "| AU12 | 0.4000 | labels | 0.400 | 0.970 | 0.900 |" in text
    assert "![sweeps of several units](action_units_sweeps.png)" in text
    assert "action_units_people.png" not in text
    assert text.count("| `a <ada>` | 0.900 | 0.500 |") == 2
    assert "Unseen people, told by a vector, weight 2. It falls." in text
    assert "| unseen people, told by a vector, weight 3 | AU12: AUC |" in text
    assert page.with_name("action_units_curves.png").read_bytes() == b"png"
    assert Image.open(page.with_name("action_units_sweeps.png")).height == 2 * 10
    empty = document.Facts(
        "w", "C", tmp_path / "no", vars(Plan()), {a: Report(a, "", [], [], {}) for a in arms}, places
    )
    assert document.gates(empty) == "No gate was judged."
    assert "Nobody was drawn." in document.sections(empty).values()
