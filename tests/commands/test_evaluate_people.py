import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from evaluation import judges
from evaluation.identity import SeenFace
from ldm.__main__ import main

KNOWN = "yunet+mobilefacenet_foamliu"  # a judge whose constants were measured
PROMPTS = "single: [a photo of sks]\ntwo: [a photo of sks and ks]\nnobody: [a photo of a person]\n"


class MeanJudge:
    """Sees one face in every picture: its mean colour."""

    def __init__(self, name=KNOWN, encoder_name="held-out"):
        self.name, self.encoder_name = name, encoder_name

    def faces(self, image):
        mean = np.asarray(image.convert("RGB"), np.float32).mean((0, 1)) - 100
        box = np.array([0, 0, *image.size], np.float32)
        return [SeenFace(box, (mean / np.linalg.norm(mean)).astype(np.float32))]

    def vector(self, image):
        return self.faces(image)[0].vector

    def vectors(self, images):
        return [self.vector(image) for image in images]


def exit_code(*words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return left.value.code or 0


@pytest.fixture(autouse=True)
def judge(monkeypatch):
    made = {"mean": MeanJudge(), "sface": MeanJudge("yunet+sface", "sface"), "new": MeanJudge("new", "new")}
    monkeypatch.setattr(judges, "load_judge", lambda name, *_: made[name])


@pytest.fixture
def evaluate(tmp_path, tiny_run, capsys):
    """Calls the command on the tiny run; exit code and what it printed."""
    (tmp_path / "prompts.yaml").write_text(PROMPTS)

    def call(*more, run=tiny_run):
        words = ["evaluate", "personalization", "--run", run, "--prompts", tmp_path / "prompts.yaml", "--n", 2]
        words += ["--steps", 2, "--out", tmp_path / "out", "--no-log", *more]
        code = exit_code(*words)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return call


def test_people_are_drawn_judged_and_reported(evaluate, tmp_path, astronaut, hopper):
    for name, photo in (("eileen_collins", hopper), ("grace_hopper", astronaut)):
        (tmp_path / "more" / name).mkdir(parents=True)
        photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "more" / name / "other.png")
    code, said = evaluate("--judge", "mean", "--judge", "sface", "--photos", tmp_path / "more", "--protocol", "legacy")
    assert code == 0, said
    assert "sface conditioned or trained the model: the rows of yunet+sface flatter" in said
    assert "1 prompts name nobody and are left out, first 'a photo of a person'" in said
    assert "The legacy protocol is biased" in said
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert found["judge"] == KNOWN
    assert [(row["judge"], row["part"]) for row in found["tables"]["judges"]] == [
        (KNOWN, "held out"),
        ("yunet+sface", "conditioned the model"),
    ]
    assert [row["task"] for row in found["tables"]["tasks"]] == ["single", "two", "all"]
    assert len(found["scores"]) == 2 * 2 + 2 * 2 * 2, "two people alone, and both orders of the pair for both"
    assert {score["person"] for score in found["scores"]} == {"eileen_collins", "grace_hopper"}
    assert found["headline"]["others"] is not None
    assert found["legacy"]["judge"] == KNOWN
    with (tmp_path / "out" / "pictures.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000


def test_pictures_that_are_there_are_scored_without_drawing(evaluate, tmp_path):
    assert evaluate("--judge", "mean")[0] == 0
    first = json.loads((tmp_path / "out" / "report.json").read_text())
    broken = next((tmp_path / "out" / "pictures" / "samples").glob("*.png"))
    broken.write_bytes(b"torn")
    code, said = evaluate("--judge", "mean", "--pictures", tmp_path / "out" / "pictures")
    assert code == 0, said
    assert "1 pictures cannot be read and are left out" in said
    assert "copy-paste gap cannot be measured for eileen_collins, grace_hopper" in said
    again = json.loads((tmp_path / "out" / "report.json").read_text())
    kept = [score for score in first["scores"] if score["file"] != broken.name]
    assert again["scores"] == kept


def test_what_an_earlier_evaluation_drew_is_not_scored_again(evaluate, tmp_path):
    report = tmp_path / "out" / "report.json"
    assert evaluate("--judge", "mean")[0] == 0
    assert evaluate("--judge", "mean", "--seed", 7)[0] == 0
    second = json.loads(report.read_text())["scores"]
    assert {score["seed"] for score in second} == {7, 8}
    assert len(second) == 2 * 2 + 2 * 2 * 2
    (tmp_path / "prompts.yaml").write_text("single: [sks in a forest]\n")
    assert evaluate("--judge", "mean", "--seed", 7)[0] == 0
    assert {score["prompt"] for score in json.loads(report.read_text())["scores"]} == {"sks in a forest"}
    listing = tmp_path / "out" / "pictures" / "settings.json"
    kept = json.loads(listing.read_text())
    assert {sample["seed"] for sample in kept["samples"]} == {7, 8, 42, 43}, "the pictures themselves stay"
    kept["samples"][0]["step"] = 3
    listing.write_text(json.dumps(kept))
    code, said = evaluate("--judge", "mean", "--pictures", tmp_path / "out" / "pictures")
    assert code == 0, said
    assert "The pictures are of steps 3, 5, and are scored together." in said


def test_two_evaluations_are_compared_pair_by_pair(evaluate, tmp_path, capsys, tiny_run):
    run = shutil.copytree(tiny_run, tmp_path / "logs" / tiny_run.name)  # in whose logs may be written
    evaluate("--judge", "mean", run=run)
    (tmp_path / "out").rename(tmp_path / "one")
    evaluate("--judge", "mean", "--guidance", 1, run=run)
    assert exit_code("evaluate", "compare", tmp_path / "one", tmp_path / "out", "--out", tmp_path / "c") == 0
    assert "12 pairs of scores" in capsys.readouterr().out, "each of two in both orders of the pair"
    rows = json.loads((tmp_path / "c" / "report.json").read_text())["tables"]["differences"]
    assert [row["measure"] for row in rows] == [f"{KNOWN}, identity", "sharpness"]
    assert rows[0]["people"] == 2
    events = EventAccumulator(str(run / "tensorboard"), {"tensors": 0}).Reload()
    assert "compare/Differences/text_summary" in events.Tags()["tensors"]
    assert exit_code("evaluate", "compare", tmp_path, tmp_path / "out") == 1
    assert "holds no report.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--judge", "sface"], "sface conditioned the model and cannot be the only judge of it"),
        (["--judge", "new"], "judge new has no measured percentile of strangers"),
        (["--judge", "mean", "--people", "5"], "person 5 is not in this run; it has 0 to 1: eileen_collins"),
        (["--judge", "mean", "--photos", "nowhere"], "folder not found: nowhere"),
        (["--judge", "mean", "--protocol", "other"], "there are ours and legacy"),
        (["--judge", "mean", "--clip", "nowhere"], "nowhere has no preprocessor_config.json"),
        (["--judge", "mean", "--pictures", "nowhere"], "nowhere holds no settings.json"),
    ],
)
def test_what_cannot_be_evaluated_is_said(evaluate, options, said):
    code, printed = evaluate(*options)
    assert code == 1
    assert said in " ".join(printed.split())


def test_without_a_judge_that_may_judge_the_extra_is_named(evaluate, monkeypatch):
    monkeypatch.setattr(judges, "judges_here", lambda: ["sface"])
    code, printed = evaluate()
    assert code == 1
    assert "sface conditioned the run and may not judge it alone" in printed
    assert "pip install -e '.[judges]'" in printed


def test_prompts_about_nobody_and_runs_without_files(evaluate, tmp_path, tiny_run):
    (tmp_path / "none.txt").write_text("a photo of a person\n")
    code, said = evaluate("--judge", "mean", "--prompts", tmp_path / "none.txt")
    assert code == 1
    assert "none of 1 prompts names a person of this run: write sks or ks into them" in said
    empty = tmp_path / "empty" / "configs"
    empty.mkdir(parents=True)
    (empty / "x-project.yaml").write_text((next(tiny_run.glob("configs/*-project.yaml"))).read_text())
    code, said = evaluate("--judge", "mean", run=tmp_path / "empty")
    assert code == 1
    assert "nothing was exported yet" in said
