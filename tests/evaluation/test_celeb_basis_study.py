"""The celeb basis study: who is in it, what its controls are, what its words follow from."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.studies.celeb_basis import report, section
from evaluation.studies.celeb_basis.arms import OURS_ARM, all_arms, choose_arms
from evaluation.studies.celeb_basis.cells import ASKED, Cell, Cells
from evaluation.studies.celeb_basis.looks import Look
from evaluation.studies.celeb_basis.people import choose_subjects
from evaluation.studies.celeb_basis.results import Appearance, ArmResult, Known, shortest, verdict, word
from evaluation.studies.celeb_basis.run import Request, appearance, command_of
from evaluation.studies.celeb_basis.study import Plan, groups
from evaluation.studies.document import replace_section

PEOPLE = [f"Person_{number:02d}" for number in range(8)]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for number in range(100):
        folder = tmp_path / "lfw" / f"Person_{number:03d}"
        folder.mkdir(parents=True)
        for photo in range(2):
            (folder / f"{photo}.jpg").touch()
    return tmp_path / "lfw"


def test_nobody_is_tuned_on_and_studied(album: Path) -> None:
    everybody = sorted(folder.name for folder in album.iterdir())
    study = choose_subjects(album, 60, people=everybody)
    tuning = choose_subjects(album, 40, tuning=True, people=everybody)
    assert {one.name for one in study}.isdisjoint(one.name for one in tuning)
    assert len({one.name for one in (*study, *tuning)}) == 100
    assert [one.name for one in choose_subjects(album, 5, people=everybody)] == [one.name for one in study[:5]]
    first = study[0]
    assert [path.name for path in first.given] == ["0.jpg"]
    assert [path.name for path in first.others] == ["1.jpg"]


def test_people_without_other_photos_are_an_error(album: Path) -> None:
    everybody = sorted(folder.name for folder in album.iterdir())
    with pytest.raises(ValueError, match="61 people asked for, but 60"):
        choose_subjects(album, 61, people=everybody)
    with pytest.raises(ValueError, match=r"fewer than two photos of 30 people.*is it LFW's folder"):
        choose_subjects(album / "nowhere", 30, people=everybody)


def test_every_arm_is_there_once_and_unknown_ones_are_named() -> None:
    arms = all_arms()
    assert {"ours", "published", "mean", "free", "unit", "black"} <= arms.keys()
    for count in ("16", "64", "all"):
        assert {f"random-{count}", f"untrained-{count}"} <= arms.keys()
    assert {"names-16", "names-64"} <= arms.keys()
    assert [arm.key for arm in choose_arms(["free", "ours"])] == ["free", "ours"]
    assert len(choose_arms(None)) == len(arms)
    with pytest.raises(ValueError, match="there is no arm 'names-all'; there are ours, published"):
        choose_arms(["names-all"])


def test_a_difference_is_ours_with_other_values() -> None:
    arm = choose_arms(["ours"], ["fast:model.base_learning_rate=1e-2,data.params.batch_size=4"])[1]
    assert arm.overrides == ("model.base_learning_rate=1e-2", "data.params.batch_size=4")
    assert (arm.key, arm.config) == ("fast", OURS_ARM.config)
    for wrong in ("fast", "fast:rate", "a b:k=v", ":k=v"):
        with pytest.raises(ValueError, match=r"is no difference: write NAME:KEY=VALUE"):
            choose_arms(None, [wrong])
    with pytest.raises(ValueError, match="'unit' has the name of an arm"):
        choose_arms(None, ["unit:a=1"])


def test_the_page_names_the_command_that_made_it() -> None:
    request = Request(
        Path("a/LFW"), "b/net.onnx:imagenet", Path(), Path(), 4, ["ours"], ["x:a.b=1"], True, Path(), True
    )
    assert command_of(request, Plan(2, 60, 8, 1, 12)) == (
        "python -m ldm study celeb_basis --photos LFW --judge net.onnx:imagenet --people 4 --per-run 2 --steps 60 "
        "--each 8 --asked 1 --drawing-steps 12 --arms ours --difference x:a.b=1 --tuning"
    )


def test_smaller_runs_see_everybody_as_often() -> None:
    arms, plan = all_arms(), Plan(people_per_run=5, steps=200)
    assert plan.steps_of(OURS_ARM) == 200
    assert plan.steps_of(arms["free"]) == 40
    assert plan.steps_of(arms["published"]) == 800
    assert list(groups("abcdefg", 5)) == [list("abcde"), list("fg")]
    assert list(groups("abcdef", 5)) == [list("abcdef")]
    assert list(groups("abc", 1)) == [["a"], ["b"], ["c"]]


def cell(person: int) -> Cell:
    return Cell(PEOPLE[person], 100, 80.0, 1.5, [1.0, 2.0], [[0.0, 0.0]], plain=3, asked=1)


def look(person: int, likeness: float, obeys: float = 0.3) -> Look:
    """A person whose pictures look like them by ``likeness``, and otherwise like a fixed mixture."""
    own = np.eye(len(PEOPLE))[person] * likeness + np.random.default_rng(person).normal(0, 0.1, len(PEOPLE))
    face = [float(x) for x in own / np.linalg.norm(own)]
    names = [name for name, _ in ASKED.values()]
    asked, plain = {name: [0.2 + obeys] for name in names}, {name: [0.2] for name in names}
    return Look([face, face, None], asked, plain)


APPEARANCES = {name: Appearance(place < 4, "Black_Hair" if place % 2 else "Gray_Hair", place == 0)
               for place, name in enumerate(PEOPLE)}  # fmt: skip
KNOWN = Known(dict(zip(PEOPLE, np.eye(8, dtype=np.float32), strict=True)), APPEARANCES, -0.1)


def arm(likeness: float, title: str = "", obeys: float = 0.3) -> ArmResult:
    people = range(len(PEOPLE))
    return ArmResult([cell(p) for p in people], [look(p, likeness, obeys) for p in people], KNOWN, title)


def test_likeness_is_told_from_none() -> None:
    good, blind = arm(1.0), arm(0.0)
    assert good.interval("auc").value > 0.95
    assert good.interval("auc_same_sex").value > 0.95
    assert 0.2 < blind.interval("auc").value < 0.8
    assert good.detected == pytest.approx(2 / 3)
    assert good.interval("obedience").value == pytest.approx(0.3)
    difference = good.less(blind, "cosine")
    assert word(difference) == "better"
    assert word(blind.less(good, "cosine")) == "worse"
    assert word(good.less(good, "auc")) == "not told apart"


def test_strangers_who_are_alike_but_for_the_face() -> None:
    """Of eight, two men and four women share sex and hair with somebody; the man with glasses is like nobody."""
    alike = KNOWN.alike(PEOPLE)
    assert alike.sum(1).tolist() == [1, 2, 1, 2, 2, 2, 2, 2]
    good = arm(1.0).alike()
    assert good is not None
    assert good.value > 0.95
    nobody = Known(KNOWN.references, {name: Appearance(True, name, False) for name in PEOPLE}, -0.1)
    assert ArmResult([cell(p) for p in range(8)], [look(p, 1.0) for p in range(8)], nobody).alike() is None
    said = {
        "Male": [0.2, np.nan, 0.6],
        "Black_Hair": [0.1],
        "Blond_Hair": [0.7],
        "Brown_Hair": [0.2],
        "Gray_Hair": [0.1],
    }
    assert appearance({**said, "Eyeglasses": [0.9, 0.8]}) == Appearance(False, "Blond_Hair", True)


def test_some_arms_are_a_section_of_the_measurements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section, "replace_section", lambda title, body: replace_section(title, body, tmp_path / "m.md"))
    facts = dict.fromkeys(("command", "sd", "people", "judge", "encoder", "schedule", "each", "sex"), "SAID")
    pairs = {"ours": [{"n": 8, "two_faces": 1.0, "assigned": 0.5}] * 4}
    section.write({"ours": arm(1.0, "ours")}, pairs, Cells(tmp_path), facts)
    page = (tmp_path / "m.md").read_text()
    assert page.count("SAID") == len(facts)
    assert re.search(r"\| AUC, same sex \| (1\.000|0\.9\d\d) .* \| 0\.80 \| met \|", page)
    assert "| both in place | 0.500 (0.500 to 0.500) | 0.75 | not met |" in page
    assert "told apart by their faces alone: AUC" in page
    assert "whose mean is what an AUC compares" in page
    alone = section.text({"mean": arm(0.0, "nobody")}, {}, facts)
    assert "at least" not in alone


def test_arms_of_some_people_are_compared_on_those() -> None:
    few = ArmResult([cell(p) for p in range(5)], [look(p, 1.0) for p in range(5)], KNOWN)
    assert few.less(arm(1.0), "cosine").n == 5
    assert few.less(arm(1.0), "cosine").value == pytest.approx(0.0)


def test_the_verdict_follows_from_the_intervals() -> None:
    same = {"ours": arm(1.0), "random-all": arm(1.0), "untrained-all": arm(1.0)}
    assert verdict(same, (None,)).startswith("**Names do not beat the controls**: neither in AUC nor in obedience, ")
    better = {"names-16": arm(1.0), "random-16": arm(0.0), "untrained-16": arm(0.0)}
    assert verdict(better, (16, 64)).startswith("**Names beat both controls with 16 axes in identity (AUC)**")
    half = {"names-16": arm(1.0), "random-16": arm(0.0), "untrained-16": arm(1.0)}
    assert verdict(half, (16,)).startswith("**Names do not beat the controls**")
    assert "nothing can be said" in verdict({"ours": arm(1.0)}, (None,))


def test_the_shortest_schedule_loses_nothing() -> None:
    assert shortest({25: arm(0.0), 100: arm(1.0), 800: arm(1.0)}) == 100
    assert shortest({25: arm(0.0), 100: arm(0.0), 800: arm(1.0)}) == 800


def test_the_page_says_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "FOLDER", tmp_path / "docs")
    cells, mean = Cells(tmp_path / "cells"), arm(0.0, "basis mean (nobody)")
    results = {"ours": arm(1.0, "ours: names, all axes"), "mean": mean, "steps-25": arm(0.5)}
    for key, result in results.items():
        for one in result.cells:
            cells.write(key, one, [Image.new("RGB", (64, 64), (place, 0, 0)) for place in range(9)])
            assert [picture.getpixel((5, 5)) for picture in cells.pictures(key, one.person)][8] == (8, 0, 0)
            assert cells.read(key, one.person) == one
    results["steps-800"] = arm(1.0)
    words = ("command", "sd", "people", "judge", "encoder", "seeds", "schedule", "drawing_steps", "each", "sex")
    facts = dict.fromkeys((*words, "accuracy", "all"), "SAID")
    pairs = {"ours": [{"n": 8, "two_faces": 1.0, "assigned": 0.75}] * 4}
    page = report.write(results, pairs, cells, facts).read_text(encoding="utf-8")
    assert page.count("SAID") == len(facts)
    assert "is above the mean of somebody's pictures to the photos of another" in page
    assert "| ours less basis mean (nobody) |" in page
    assert "**800 steps**" in page
    assert "| ours: names, all axes | 4 | 1.000 (1.000 to 1.000) | 0.750 (0.750 to 0.750) |" in page
    rows = (tmp_path / "docs" / "celeb_basis.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 4 * 8
    with Image.open(tmp_path / "docs" / "celeb_basis.png") as picture:
        assert picture.size == (2 * 66 + 2, 8 * 66 + 2)
