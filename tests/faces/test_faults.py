from pathlib import Path

import numpy as np
import pytest

from ldm.faces.checkup import Checkup, Light
from ldm.faces.detect import Face
from ldm.faces.faults import Thresholds, counts, judge_photos

LIMITS = Thresholds()
GOOD = Light(bright=180, dark=60, clipped=0.0)


def unit(*values):
    vector = np.zeros(16, np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def face(px=120.0, at=(0, 0)):
    left, top = at
    return Face(np.array([left, top, left + px, top + px], np.float32), np.zeros((5, 2), np.float32), 0.95)


def photo(name="a", person="ada", seed=None, **what):
    """A good photo of ``person``, unlike every other one."""
    draws = np.random.default_rng(abs(hash(name)) % 2**32 if seed is None else seed)
    marks = [draws.random(64) > 0.5 for _ in range(3)]
    usual = {"size": (500, 500), "faces": [face()], "vector": unit(1, 0.2), "blur": 0.5, "light": GOOD, "marks": marks}
    return Checkup(Path(f"{name}.jpg"), person, **{**usual, **what})


def kinds(*photos):
    return [[fault.kind for fault in verdict.faults] for verdict in judge_photos(photos)]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({}, []),
        ({"error": "torn"}, ["unreadable"]),
        ({"turned": True}, ["turned"]),
        ({"sideways": 90}, ["lies on its side"]),
        ({"faces": [], "vector": None, "blur": None, "light": None}, ["no face"]),
        ({"faces": [], "vector": None, "light": Light(255, 90, 0.5)}, ["no face", "too bright"]),
        ({"faces": [], "vector": None, "light": Light(40, 5, 0)}, ["no face", "too dark"]),
        ({"faces": [face(40)]}, ["face too small"]),
        ({"faces": [face(), face(100)]}, ["several faces"]),
        ({"faces": [face(), face(50)]}, []),
        ({"faces": [face(at=(190, 190)), face(90, at=(10, 10))]}, []),
        ({"faces": [face(at=(10, 190)), face(90, at=(360, 190))]}, ["several faces"]),
        ({"faces": [face(at=(190, 190)), face(100, at=(10, 10))]}, ["several faces"]),
        ({"blur": 0.8}, ["blurred"]),
        ({"light": Light(60, 5, 0)}, ["too dark"]),
        ({"light": Light(255, 90, 0.35)}, ["too bright"]),
        ({"light": Light(255, 90, 0.2)}, []),
        ({"light": Light(240, 170, 0.0)}, ["too bright"]),
        ({"light": Light(110, 9, 0.0)}, []),
        ({"faces": [], "vector": None, "aligned": True}, []),
    ],
)
def test_what_a_photo_shows_of_itself(what, expected):
    assert kinds(photo(**what)) == [expected]


def test_only_what_cannot_be_mended_is_left_out():
    verdicts = judge_photos([photo("a", turned=True), photo("b", faces=[face(), face()]), photo("c", error="x")])
    assert [verdict.left_out for verdict in verdicts] == [False, False, True]
    assert counts(verdicts) == {"turned": 1, "several faces": 1, "unreadable": 1}


def test_of_copies_the_sharpest_stays():
    marks = [np.arange(64) % 2 == 0, np.arange(64) % 3 == 0, np.arange(64) % 5 == 0]
    changed = [marks[0].copy(), marks[1], marks[2]]
    changed[0][:6] ^= True
    copies = [photo("a", blur=0.6, marks=marks), photo("b", blur=0.4, marks=changed), photo("c")]
    assert kinds(*copies) == [["duplicate"], [], []]
    assert "nearly the same photo as b.jpg" in judge_photos(copies)[0].faults[0].reason
    mirrored = photo("m", marks=[marks[1], marks[0], ~marks[2]])
    assert kinds(photo("a", marks=marks, blur=0.4), mirrored) == [[], ["duplicate"]]
    other_face = photo("d", marks=marks, vector=unit(0, 0, 1))
    assert kinds(photo("a", marks=marks), other_face) == [[], []], "two people before one wall"
    assert kinds(photo("a", marks=marks), photo("b", "bo", marks=marks)) == [[], []], "of two people"


def test_a_photo_that_is_left_out_takes_no_other_with_it():
    marks = [np.arange(64) % 2 == 0] * 3
    assert kinds(photo("a", marks=marks, blur=0.1, light=Light(40, 5, 0)), photo("b", marks=marks)) == [
        ["too dark"],
        [],
    ]


def test_a_stranger_among_somebodys_photos_is_found():
    own = [photo(f"a{n}", vector=unit(1, 0.3 * n)) for n in range(4)]
    assert kinds(*own, photo("x", vector=unit(0, 0, 1))) == [[], [], [], [], ["wrong person"]]
    assert kinds(*own[:2], photo("x", vector=unit(0, 0, 1))) == [[], [], []], "three photos are too few to tell"


def test_nobody_is_accused_where_everybody_is_somebody_else():
    everybody = [photo(f"a{n}", vector=unit(*([0] * n), 1)) for n in range(6)]
    assert kinds(*everybody) == [[]] * 6
