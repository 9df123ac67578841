import json
from pathlib import Path

import pytest
from PIL import Image

from evaluation.task_prompts import TaskPrompt
from ldm.runs import evaluated
from ldm.runs.evaluated import EvaluatedRun, Learned, asked_of, drawings
from ldm.runs.folder import RunFolder

PROMPTS = [
    TaskPrompt("a photo of sks", "single"),
    TaskPrompt("sks and ks", "two"),
    TaskPrompt("sks, ks and ata", "three"),
]


def run_of(*names, placeholders=("sks", "ks", "ata")):
    people = [Learned(name, (Path(f"{name}.png"),)) for name in names]
    return EvaluatedRun(RunFolder(Path("logs/x"), "x"), people, placeholders, frozenset())


def test_everybody_is_drawn_alone_and_with_the_next_one():
    found = drawings(run_of("ada", "bo", "cy"), [0, 1, 2], PROMPTS)
    alone, together = ["a photo of sks"], ["sks and ks"]
    assert found == [
        ((0,), alone),
        ((1,), alone),
        ((2,), alone),
        ((0, 1), together),
        ((1, 2), together),
        ((2, 0), together),
    ]
    assert drawings(run_of("ada"), [0], PROMPTS) == [((0,), alone)], "nobody is drawn beside themselves"
    assert drawings(run_of("ada", "bo"), [1], PROMPTS) == [((1,), alone)]


def test_who_is_asked_for_is_told_by_the_pictures_own_listing(tmp_path):
    rows = [
        {"file": "a.png", "prompt": "ks and sks", "seed": 1, "people": ["sks=0", "ks=2"]},
        {"file": "a.png", "prompt": "a photo of sks", "seed": 2, "people": ["sks=1"]},
        {"file": "a.png", "prompt": "a photo of sks", "seed": 3, "people": ["sks=mean"]},
        {"file": "a.png", "prompt": "a photo of a man", "seed": 4, "people": ["sks=1"]},
    ]
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "settings.json").write_text(json.dumps({"samples": rows}))
    found = asked_of(tmp_path, run_of("ada", "bo", "cy"), PROMPTS, "person")
    assert [(one.people, one.task, one.seed) for one in found] == [(("cy", "ada"), "two", 1), (("bo",), "single", 2)]
    assert found[0].plain == "a person and a person"
    (tmp_path / "settings.json").write_text(json.dumps({"samples": rows[2:]}))
    with pytest.raises(ValueError, match=r"no picture in .* shows a prompt about anybody of this run"):
        asked_of(tmp_path, run_of("ada"), PROMPTS, "person")


def test_a_run_that_learned_one_thing_has_its_folder_and_its_token(tmp_path, astronaut):
    (tmp_path / "photos" / "masks").mkdir(parents=True)
    for name in ("a.png", "masks/a.png"):
        astronaut.resize((32, 32)).save(tmp_path / "photos" / name)
    data = {"folder": str(tmp_path / "photos"), "token": "<ada>"}
    [learned], encoders = evaluated._people(data, None, Path("run"))
    assert (learned.name, [path.name for path in learned.photos], encoders) == ("<ada>", ["a.png"], set())
    assert evaluated._placeholders(data) == ("<ada>",)
    assert evaluated._placeholders({}) == ("sks",)
    with pytest.raises(ValueError, match=r"the config of run names no photos of people: say what .*--given"):
        evaluated._people({}, None, Path("run"))


def test_a_celeb_basis_run_knows_its_people_and_what_conditioned_it(tiny_run, tiny_manifest):
    run = EvaluatedRun.open(tiny_run)
    assert [one.name for one in run.people] == ["eileen_collins", "grace_hopper"]
    assert all(one.photos[0].is_file() and one.sources[0].is_file() for one in run.people)
    assert run.conditioned_by == {"sface"}
    assert run.placeholders[:2] == ("sks", "ks")
    assert run.start is not None
    assert [one.name for one in EvaluatedRun.open(tiny_run, tiny_manifest).people] == ["eileen_collins", "grace_hopper"]
