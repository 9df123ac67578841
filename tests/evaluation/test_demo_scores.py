"""The demo's scores, its report.json and its page, with people that are colours."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from evaluation.curve import draw_curves
from evaluation.demo_page import write_demo_page
from evaluation.demo_scores import (
    Demo,
    Person,
    reference_vectors,
    report,
    score_pairs,
    score_person,
)
from evaluation.samples import Sample

UNDETECTED = -0.06


class World:
    """Photos, pictures and scores in a folder."""

    def __init__(self, folder: Path, judge, draw) -> None:  # type: ignore[no-untyped-def]
        self.folder, self.judge, self.draw, self.count = folder, judge, draw, 0
        self.people = [self.person("sks", "Ada Red", "red"), self.person("ks", "Bo Blue", "blue")]
        self.references = reference_vectors(judge, self.people)

    def person(self, placeholder: str, title: str, colour: str) -> Person:
        for kind in ("photos", "aligned"):
            (self.folder / kind).mkdir(exist_ok=True)
            self.draw(colour).save(self.folder / kind / f"{placeholder}.png")
        return Person(
            placeholder, title, self.folder / f"photos/{placeholder}.png", self.folder / f"aligned/{placeholder}.png"
        )

    def sample(self, prompt: str, seed: int, *colours: str) -> Sample:
        self.count += 1
        path = self.folder / f"{self.count}.png"
        self.draw(*colours).save(path)
        return Sample(path, prompt, seed, ())

    def demo(self, conditioned: bool = True) -> Demo:
        results = []
        for person, colour in zip(self.people, ("red", "blue"), strict=True):
            prompts = [f"a photo of {person.placeholder}", f"<b>{person.placeholder}</b> & a hat"]
            drawn = [self.sample(p, s, *([] if s == 3 else [colour])) for p in prompts for s in range(4)]
            before = [self.sample(p, s, "lime") for p in prompts for s in range(4)]
            results.append(score_person(self.judge, person, self.references, drawn, before, UNDETECTED))
        pairs = [
            self.sample("a photo of sks and ks", 0, "red", "blue"),
            self.sample("a photo of ks and sks", 0, "red", "blue"),
            self.sample("a photo of ks and sks", 1, "red"),
        ]
        curve = draw_curves({"loss": [("train", (range_of(50), range_of(50) / 50.0))]})
        return Demo(
            "weights/embedded", "colours", conditioned, results,
            score_pairs(self.judge, self.references, pairs, UNDETECTED),
            {"align": 1.25, "train": 60.0, "generate": 30.0, "extract": 2.0}, {"align": 300.4, "train": 900.0},
            {"seed": 42, "prompts": ["a photo of sks", "<script>alert(1)</script>"]}, curve,
        )  # fmt: skip


def range_of(n: int):  # type: ignore[no-untyped-def]
    import numpy as np

    return np.arange(n)


@pytest.fixture
def world(tmp_path: Path, colour_judge, draw) -> World:
    return World(tmp_path, colour_judge, draw)


def test_report_has_exactly_the_agreed_keys(world: World) -> None:
    found = report(world.demo(), world.folder)
    assert list(found) == ["model", "judge", "people", "pair", "seconds", "peak_rss_mb", "settings"]
    keys = ["placeholder", "photo", "n", "detected", "identity", "identity_before", "identity_other", "ci"]
    assert all(list(person) == keys for person in found["people"])
    assert list(found["pair"]) == ["n", "two_faces", "assigned"]
    assert list(found["seconds"]) == ["setup", "align", "train", "generate", "extract"]
    assert found["seconds"]["setup"] == 0
    assert found["peak_rss_mb"] == {"align": 300, "train": 900}


def test_report_has_the_known_numbers(world: World) -> None:
    found = report(world.demo(), world.folder)
    ada = found["people"][0]
    assert (ada["placeholder"], ada["photo"], ada["n"], ada["detected"]) == ("sks", "photos/sks.png", 8, 6)
    assert ada["identity"] == pytest.approx((6 + 2 * UNDETECTED) / 8)
    assert ada["identity_before"] == 0
    assert ada["identity_other"] == pytest.approx(2 * UNDETECTED / 8)
    low, high = ada["ci"]
    assert low < ada["identity"] - ada["identity_before"] < high
    assert found["pair"] == {"n": 3, "two_faces": 2, "assigned": 1}


def test_scores_compare_equal_prompts_and_seeds_only(world: World) -> None:
    drawn, before = [world.sample("a photo of sks", 1, "red")], [world.sample("a photo of sks", 2, "red")]
    with pytest.raises(LookupError, match="no partner of the same prompt and seed"):
        score_person(world.judge, world.people[0], world.references, drawn, before, UNDETECTED)


def test_a_photo_without_a_face_for_the_judge(world: World) -> None:
    Image.new("RGB", (64, 64), (90, 90, 90)).save(world.people[0].photo)
    with pytest.raises(ValueError, match=r"judge colours finds no face in .*sks\.png"):
        reference_vectors(world.judge, world.people)


class Reader(HTMLParser):
    """Collects what a page would load, its text and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):  # type: ignore[no-untyped-def]
        self.loaded += [value for key, value in attrs if key in ("src", "href")]
        if tag not in ("img", "meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):  # type: ignore[no-untyped-def]
        assert self.open.pop() == tag

    def handle_data(self, data):  # type: ignore[no-untyped-def]
        self.text += data


def test_page_is_whole_and_needs_no_other_file(world: World) -> None:
    path = world.folder / "index.html"
    write_demo_page(path, world.demo())
    page = path.read_text()
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert reader.loaded
    assert all(address.startswith("data:") for address in reader.loaded)
    assert "<script" not in page
    assert "<script>alert(1)</script>" in reader.text
    assert "<b>sks</b> & a hat" in reader.text
    assert not re.search(r"https?://", page)
    for word in (
        "Ada Red",
        "a photo of ks and sks",
        "no face",
        "swapped",
        "in place",
        "60.0",
        "not measured",
        "one face",
    ):
        assert word in reader.text


def test_page_says_who_judged(world: World) -> None:
    path = world.folder / "index.html"
    write_demo_page(path, world.demo(conditioned=True))
    assert "its scores flatter" in path.read_text()
    write_demo_page(path, world.demo(conditioned=False))
    assert "had no part in learning the people" in path.read_text()
    assert "flatter" not in path.read_text()
