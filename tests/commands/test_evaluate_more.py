import json
import shutil

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from evaluation import judges
from tests.commands.test_evaluate_people import MeanJudge, exit_code


@pytest.fixture(autouse=True)
def judge(monkeypatch):
    made = {"mean": MeanJudge(), "sface": MeanJudge("yunet+sface", "sface")}
    monkeypatch.setattr(judges, "load_judge", lambda name, *_: made[name])


@pytest.fixture
def own_run(tiny_run, tmp_path):
    """A copy, in whose logs may be written."""
    return shutil.copytree(tiny_run, tmp_path / "logs" / tiny_run.name)


def test_a_run_that_trained_no_network_left_the_class_as_it_was(own_run, tmp_path, capsys):
    words = [
        "evaluate",
        "prior",
        "--run",
        own_run,
        "--judge",
        "mean",
        "--n",
        2,
        "--steps",
        2,
        "--out",
        tmp_path / "out",
    ]
    (tmp_path / "prompts.txt").write_text("a photo of a person\na photo of a face\n")
    assert exit_code(*words, "--prompts", tmp_path / "prompts.txt") == 0
    rows = {row["measure"]: row for row in json.loads((tmp_path / "out/report.json").read_text())["tables"]["summary"]}
    assert rows["drift towards the learned"]["mean"] == pytest.approx(0, abs=1e-4)
    assert rows["change of a picture"]["mean"] == pytest.approx(0, abs=1e-4)
    events = EventAccumulator(str(own_run / "tensorboard"), {"tensors": 0})
    assert "prior/Summary/text_summary" in events.Reload().Tags()["tensors"]
    assert "identity" not in capsys.readouterr().err
    (tmp_path / "prompts.txt").write_text("a photo of sks\n")
    assert exit_code(*words, "--prompts", tmp_path / "prompts.txt") == 1
    assert "a prompt of a class mentions nobody, but 'a photo of sks' has sks or ks" in capsys.readouterr().err
    assert exit_code(*words[:4], "--judge", "sface") == 1
    assert "sface conditioned the model" in capsys.readouterr().err


def test_copies_are_found_by_the_command(tmp_path, astronaut, hopper, capsys):
    for folder, photos in (("drawn", {"a": astronaut}), ("trained", {"a": astronaut, "b": hopper})):
        (tmp_path / folder).mkdir()
        for name, photo in photos.items():
            photo.resize((128, 128)).save(tmp_path / folder / f"{name}.jpg")
    words = ["evaluate", "memorization", tmp_path / "drawn", tmp_path / "trained", "--judge", "mean"]
    assert exit_code(*words, "--out", tmp_path / "out") == 0
    assert "1 pictures against 2 training pictures" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "report.json").read_text())["copies"] == 1
    assert exit_code(*words[:3], tmp_path / "none", "--judge", "mean") == 1
    assert "folder not found" in capsys.readouterr().err


def test_who_had_a_part_in_training_does_not_say_what_is_a_copy(own_run, tmp_path, astronaut, capsys):
    astronaut.resize((128, 128)).save(tmp_path / "a.jpg")
    words = ["evaluate", "memorization", tmp_path, tmp_path, "--out", tmp_path / "out"]
    assert exit_code(*words, "--judge", "mean") == 0
    assert "Nobody looked whether the network of yunet+mobilefacenet_foamliu had a part" in capsys.readouterr().out
    assert exit_code(*words, "--judge", "sface", "--run", own_run) == 1
    assert "sface conditioned the model and cannot be the only judge of it" in capsys.readouterr().err
    assert exit_code(*words, "--judge", "mean", "--run", own_run) == 0
    assert "Nobody looked" not in capsys.readouterr().out
    events = EventAccumulator(str(own_run / "tensorboard"), {"tensors": 0})
    assert "memorization/Nearest/text_summary" in events.Reload().Tags()["tensors"]


def test_groups_need_an_evaluation_and_labels(tmp_path, capsys):
    assert exit_code("evaluate", "groups", tmp_path, tmp_path / "labels.csv") == 1
    assert "holds no report.json: `evaluate personalization` writes one" in capsys.readouterr().err
    judge = {"judges": {"a": {"given": 0.5, "others": None}}}
    scores = [{"person": f"p{n}", **judge} for n in range(3)]
    found = {"kind": "personalization", "judge": "a", "undetected": {"a": 0.0}, "scores": scores}
    (tmp_path / "report.json").write_text(json.dumps(found))
    (tmp_path / "labels.csv").write_text("person,sex\np0,female\np1,male\n")
    assert exit_code("evaluate", "groups", tmp_path, tmp_path / "labels.csv") == 0
    assert (tmp_path / "groups" / "groups.csv").is_file()


def test_groups_are_entered_in_the_run_that_was_evaluated(own_run, tmp_path):
    scores = [{"person": f"p{n}", "judges": {"a": {"given": 0.5, "others": None}}} for n in range(2)]
    settings = {"run": own_run.as_posix(), "step": 5}
    found = {"kind": "personalization", "judge": "a", "undetected": {"a": 0.0}, "scores": scores, "settings": settings}
    (tmp_path / "report.json").write_text(json.dumps(found))
    (tmp_path / "labels.csv").write_text("person,sex\np0,female\np1,male\n")
    words = ["evaluate", "groups", tmp_path, tmp_path / "labels.csv"]
    assert exit_code(*words, "--no-log") == 0
    events = EventAccumulator(str(own_run / "tensorboard"), {"tensors": 0}).Reload()
    assert "groups/Groups/text_summary" not in events.Tags()["tensors"]
    assert exit_code(*words) == 0
    events = EventAccumulator(str(own_run / "tensorboard"), {"tensors": 0}).Reload()
    assert [event.step for event in events.Tensors("groups/Groups/text_summary")] == [5]
    found["settings"]["run"] = (tmp_path / "gone").as_posix()
    (tmp_path / "report.json").write_text(json.dumps(found))
    assert exit_code(*words) == 0, "a run that is gone is passed over"
