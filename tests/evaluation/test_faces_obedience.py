"""Attributes asked for: as many prompts against as for, lost faces are wrong, and the blind control is chance."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from evaluation.studies import faces_obedience as study


class Judge:
    """Sees a picture's colour: red says that everything is there."""

    accuracy = dict.fromkeys(["Male", "Smiling", "Mouth_Slightly_Open", "Eyeglasses", *study.HAIR_WORDS], 0.9)

    def source(self, name):
        return "colours"

    def __call__(self, pictures):
        values = np.array([np.nan if p.getpixel((0, 0))[2] else p.getpixel((0, 0))[0] / 255 for p in pictures])
        return dict.fromkeys(self.accuracy, values)


def test_no_prompt_is_for_and_against_or_counts_twice():
    for question in study.questions():
        prompts = question.asked + question.other
        assert len(set(prompts)) == len(prompts), question
    assert {one.name for one in study.questions()} == {"sex", "smile", "open mouth", "eyeglasses", "hair colour"}


@pytest.fixture
def answers(tmp_path, monkeypatch):
    def draw(pipeline, prompts, out, about, seed, steps, guidance):
        return list(prompts), None

    def read_all(prompts):
        red = [255 if "smiling" in p and "not" not in p else 0 for p in prompts]
        return [
            Image.new("RGB", (2, 2), (value, 0, int("gray hair" in p))) for value, p in zip(red, prompts, strict=True)
        ]

    monkeypatch.setattr(study, "draw", draw)
    monkeypatch.setattr(study, "read_all", read_all)
    return study.ask(SimpleNamespace(), Judge(), tmp_path, {}, 3, 0, None, None)


def test_what_is_drawn_is_told_and_the_control_is_chance(answers):
    by_name = study.by_name(answers)
    assert by_name["smile"] == (1.0, 0.5)
    assert by_name["sex"] == (0.5, 0.5), "nothing was drawn of it"
    assert all(one.control == 0.5 for one in answers)


def test_a_lost_face_is_wrong_whatever_was_asked_for(answers):
    gray = next(one for one in answers if one.question.attribute == "Gray_Hair")
    assert gray.accuracy == 0.5, "no face where it was asked for, none of it elsewhere"
    black = next(one for one in answers if one.question.attribute == "Black_Hair")
    assert black.accuracy == pytest.approx(1 / 3), "a third of the others shows no face"


def test_the_table_has_the_gates(answers):
    text = study.describe(answers)
    assert "≥ 0.85: met" in text
    assert "| **sex** | **0.500** | 0.500 |  |  | ≥ 0.95: not met |" in text
    assert "| hair colour (gray) | 0.500 | 0.500 | 6 and 18 |" in text
    assert "| smile | 1.000 | 0.500 | 6 and 6 |" in text
