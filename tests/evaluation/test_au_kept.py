"""`evaluate au` and `study action_units` go on where they were, and never with what something else left."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from evaluation.studies.action_units import people
from evaluation.studies.action_units import run as running
from evaluation.studies.action_units.requests import Speech
from evaluation.subjects import Subject
from ldm.commands.drawing_models import Drawer
from ldm.commands.generate_options import Who
from ldm.runs.draw import DrawSettings
from tests.evaluation.people import ToneJudge


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> running.Request:
    """Nothing to draw, by weights in a file; whoever is trained on CelebA is told by its folder."""
    for name in ("net.safetensors", "t.json", "face_landmarker.task"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(running, "settings_for", lambda *_: DrawSettings())
    monkeypatch.setattr(running, "pipeline_of", lambda *_: SimpleNamespace())
    monkeypatch.setattr(running, "draw_requests", lambda *_: [])
    monkeypatch.setattr(running, "attributes_by", lambda celeba, _names: celeba.name)
    return running.Request(
        Who(None, tmp_path / "net.safetensors"),
        tmp_path / "face_landmarker.task",
        tmp_path / "t.json",
        tmp_path / "out",
    )


def draw(request: running.Request, **more: object) -> dict[str, object]:
    drawer = Drawer(SimpleNamespace(weights_folder=request.who.sd), None, {"model": "net", "people": []})
    return running._draw(replace(request, **more), drawer, Speech("code"), [], None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "said"), [("t.json", "thresholds"), ("face_landmarker.task", "landmarker")])
def test_readings_by_other_thresholds_or_another_landmarker_are_not_taken(
    asked: running.Request, name: str, said: str, tmp_path: Path
) -> None:
    draw(asked)
    assert said in draw(asked), "the page says it too"
    (tmp_path / name).write_text("another")
    with pytest.raises(ValueError, match=rf"{said}: \w+ is now \w+\): name another folder"):
        draw(asked)


def test_readings_by_classifiers_of_another_celeba_are_not_taken(asked: running.Request) -> None:
    draw(asked)
    draw(asked, celeba=Path("one"))  # may come later
    draw(asked)
    with pytest.raises(ValueError, match="attributes: one is now two"):
        draw(asked, celeba=Path("two"))


def test_vectors_by_another_judge_of_that_name_are_not_taken(
    asked: running.Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "load_judge", lambda _name: ToneJudge())
    monkeypatch.setattr(running, "likeness", lambda *_: None)
    monkeypatch.setattr(running, "strangers_percentile", lambda *_: 0.0)
    for judge, said in (("net.onnx:raw", None), ("net.onnx:raw", None), ("net.onnx:imagenet", "judge: net.onnx:raw")):
        request = replace(asked, judge=judge)
        if said is None:
            running._likeness(request, [], 64)
            continue
        with pytest.raises(ValueError, match=said):
            running._likeness(request, [], 64)


def test_people_learned_otherwise_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, out = tmp_path / "net.safetensors", tmp_path / "out"
    weights.write_bytes(b"1")
    (out / "embeddings").mkdir(parents=True)
    (out / "embeddings" / "Ada.safetensors").touch()  # nobody is left to learn
    monkeypatch.setattr(people, "choose_subjects", lambda *_: [Subject("Ada", (), ())])
    found = people.learn_people(tmp_path, weights, 1, 5, None, out)
    assert people.learn_people(tmp_path, weights, 1, 5, None, out) == found
    for per_run, steps, said in ((5, 40, "steps: None is now 40"), (2, None, "per_run: 5 is now 2")):
        with pytest.raises(ValueError, match=said):
            people.learn_people(tmp_path, weights, 1, per_run, steps, out)
    weights.write_bytes(b"2")
    with pytest.raises(ValueError, match=r"weights: \w+ is now \w+"):
        people.learn_people(tmp_path, weights, 1, 5, None, out)
    assert set(json.loads((out / "study.json").read_text())) == {"weights", "config", "per_run", "steps"}
