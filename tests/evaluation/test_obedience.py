import numpy as np
import pytest
from PIL import Image

from evaluation.obedience import WORDS, ObedienceJudge, asked_for


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("a photo of a person, smiling", {"Smiling": True}),
        ("a photo of a person, not smiling, with eyeglasses", {"Smiling": False, "Eyeglasses": True}),
        ("a clean-shaven old man in a hat", {"Wearing_Hat": True, "No_Beard": True, "Young": False, "Male": True}),
        ("a woman with grey hair", {"Gray_Hair": True, "Male": False}),
        ("a person in a garden", {}),
        ("a caption about a manager", {}),
    ],
)
def test_words_say_what_is_asked_for(prompt, asked):
    assert asked_for(prompt) == asked


class Reader:
    names = ("Smiling", "Eyeglasses")

    def __call__(self, pictures):
        seen = np.array([np.nan if picture.width == 1 else 0.9 for picture in pictures])
        return {"Smiling": seen, "Eyeglasses": seen / 3}


def test_a_score_is_the_mean_probability_of_what_was_asked():
    pictures = [Image.new("RGB", (side, 8)) for side in (8, 8, 8, 1, 8)]
    prompts = ["smiling with glasses", "serious", "in a garden", "smiling", "with a hat"]
    scores = ObedienceJudge(Reader()).scores(pictures, prompts)
    assert scores[:2] == [pytest.approx(0.6), pytest.approx(0.1)]
    assert scores[2] is None, "it asks for nothing"
    assert scores[3] == 0, "no face, no smile"
    assert scores[4] is None, "this judge knows no hats"


def test_every_attribute_is_one_of_celebas():
    from ldm.data.celeba import ATTRIBUTES

    assert {attribute for _, attribute, _ in WORDS} <= set(ATTRIBUTES)
