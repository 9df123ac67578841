from pathlib import Path

import numpy as np
import pytest

from evaluation.scores import Asked, face_of, score_pictures
from evaluation.subjects import Reference
from evaluation.summary import Ssim, Standard, diversity, identity_of
from tests.evaluation.people import CALIBRATION, ToneJudge, face

RED, BLUE, GREEN = (255, 128, 128), (128, 128, 255), (128, 255, 128)
NOTHING = np.zeros((0, 3), np.float32)


def reference(colour, other=None):
    vectors = [np.stack([ToneJudge().vector(face(c))]) if c else NOTHING for c in (colour, other)]
    return Reference(*vectors)


KNOWN = {"ada": reference(RED, (255, 160, 128)), "bo": reference(BLUE), "cy": reference(GREEN)}


def scores(image, *people, prompts=None):
    asked = Asked(Path("a.png"), "sks", "a person", "single", 7, people)
    return score_pictures([asked], lambda _: image, [ToneJudge()], {"tones": KNOWN}, prompts)


def test_two_people_get_the_faces_that_suit_them_wherever_they_stand():
    for image in (face(RED, BLUE), face(BLUE, RED)):
        ada, bo = scores(image, "ada", "bo")
        assert ada.judges["tones"].given == pytest.approx(1, abs=1e-5)
        assert bo.judges["tones"].given == pytest.approx(1, abs=1e-5)
        assert (ada.people, ada.faces) == (("ada", "bo"), 2)
    assert ada.judges["tones"].others == pytest.approx(127 / np.hypot(127, 32), abs=1e-4)
    assert bo.judges["tones"].others is None


def test_one_face_is_given_to_one_of_two_people():
    ada, bo = scores(face(BLUE), "ada", "bo")
    assert np.isnan(ada.judges["tones"].given)
    assert np.isnan(ada.judges["tones"].others)
    assert bo.judges["tones"].given == pytest.approx(1, abs=1e-5)


def test_without_a_face_nothing_is_measured_and_nothing_is_left_out():
    [ada] = scores(face(), "ada")
    assert (ada.faces, ada.sharpness) == (0, None)
    assert np.isnan(ada.judges["tones"].given)
    found = identity_of([ada], "tones", Standard(CALIBRATION, {"ada": 0.9}, {"ada": 0.9}))
    assert (found.mean, found.detection, found.low) == (CALIBRATION.undetected, 0, None)
    with pytest.raises(ValueError, match="no pictures to score"):
        identity_of([], "tones", Standard(CALIBRATION, {}, {}))


def test_a_percentage_of_nothing_is_none():
    [ada] = scores(face(RED), "ada")
    assert identity_of([ada], "tones", Standard(CALIBRATION, {"ada": 0.01}, {"ada": 0.01})).percent is None
    assert identity_of([ada], "tones", Standard(CALIBRATION, {}, {})).percent > 90, "of people in general"


def test_the_face_box_is_cut_inside_the_picture():
    judge = ToneJudge()
    [seen] = judge.faces(face(RED))
    assert face_of(face(RED), seen).size == (112, 112)
    outside = type(seen)(np.array([-20, -20, 30, 300], np.float32), seen.vector)
    assert face_of(face(RED), outside).size == (112, 112)


def test_diversity_needs_two_pictures_of_a_prompt():
    assert diversity([[face(RED)]], Ssim()) is None
    assert diversity([], Ssim()) is None
    assert diversity([[face(RED), face(RED)], [face(RED), face(RED, BLUE)]], Ssim()) > 0
