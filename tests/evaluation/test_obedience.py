import numpy as np
import pytest
from PIL import Image

from evaluation import demo
from evaluation.obedience import WORDS, ObedienceJudge, asked_for
from evaluation.scripts import ROOT
from evaluation.studies import faces_obedience, names, pairs
from evaluation.studies.best_checkpoint import cells as best_checkpoint
from evaluation.studies.celeb_basis import cells as celeb_basis
from evaluation.studies.methods import cells as methods
from evaluation.task_prompts import in_plain_words, read_task_prompts
from ldm.runs import look
from ldm.runs.draw import read_prompts


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("a photo of a person, smiling", {"Smiling": True}),
        ("a photo of a person, not smiling, with eyeglasses", {"Smiling": False, "Eyeglasses": True}),
        ("a clean-shaven old man in a hat", {"Wearing_Hat": True, "No_Beard": True, "Young": False, "Male": True}),
        ("a woman with grey hair", {"Gray_Hair": True, "Male": False}),
        ("a person in a garden", {}),
        ("a caption about a manager", {}),
        ("a person, no glasses", {"Eyeglasses": False}),
        ("a person not wearing glasses", {"Eyeglasses": False}),
        ("a person without any sunglasses", {"Eyeglasses": False}),
        ("a person without a smile", {"Smiling": False}),
        ("a person who is not happy", {"Smiling": False}),
        ("a person, not serious", {"Smiling": True}),
        ("a person without a beard", {"No_Beard": True}),
        ("a person with no beard or glasses", {"No_Beard": True, "Eyeglasses": False}),
        ("a man, not old", {"Young": True, "Male": True}),
        ("a person without a hat but smiling", {"Wearing_Hat": False, "Smiling": True}),
        ("a person without a hat and with glasses", {"Wearing_Hat": False, "Eyeglasses": True}),
        ("no hat, smiling", {"Wearing_Hat": False, "Smiling": True}),
        ("a not smiling old man", {"Smiling": False, "Young": False, "Male": True}),
        ("a man with a nose, not a bird, in a cap", {"Wearing_Hat": True, "Male": True}),
        ("a five year old girl", {"Male": False}),
        ("a 60-year-old man", {"Male": True}),
        ("a man, 60 years old, in an old hat", {"Young": False, "Wearing_Hat": True, "Male": True}),
    ],
)
def test_words_say_what_is_asked_for(prompt, asked):
    assert asked_for(prompt) == asked


OF_THE_STUDIES = {
    "a photo of a person wearing eyeglasses": {"Eyeglasses": True},
    "a photo of a person wearing a hat": {"Wearing_Hat": True},
    "a photo of a person, smiling": {"Smiling": True},
    "a photo of a person with blond hair": {"Blond_Hair": True},
    "a photo of a person with gray hair": {"Gray_Hair": True},
    "a photo of a person with a goatee": {"No_Beard": False},
    "a photo of a person, laughing": {"Smiling": True},
    "a photo of a person with a serious look": {"Smiling": False},
    "a photo of a person with eyeglasses": {"Eyeglasses": True},
    "a person and a person are shaking hands, both smiling": {"Smiling": True},
    "a photo of a man": {"Male": True},
    "a photo of a man with a beard": {"No_Beard": False, "Male": True},
    "a photo of a woman": {"Male": False},
    "a photo of a woman with long hair": {"Male": False},
    "a close-up photo of a person with round glasses": {"Eyeglasses": True},
    "a photo of a person next to a person, both smiling": {"Smiling": True},
}
"""What the studies' prompts asked for when docs/measurements.md and docs/studies were measured."""


def test_the_prompts_of_the_studies_are_scored_as_when_they_were_measured():
    prompts = [*celeb_basis.ASKED, celeb_basis.PLAIN, *methods.ASKED, methods.PLAIN, methods.CLASS]
    prompts += [*best_checkpoint.PROMPTS, *look.PROMPTS, *demo.ALONE, *demo.TOGETHER, *faces_obedience.PEOPLE]
    prompts += [pairs.PROMPTS[0], names.PROMPT, *read_prompts(ROOT / "infer_images/example_prompt.txt")]
    for name in ("personalization", "classes"):
        prompts += [one.text for one in read_task_prompts(ROOT / f"infer_images/prompts/{name}.yaml")]
    plain = {in_plain_words(prompt.replace("{}", "sks"), ("sks", "ks")) for prompt in prompts}
    assert {prompt: asked for prompt in plain if (asked := asked_for(prompt))} == OF_THE_STUDIES


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
