from pathlib import Path

import pytest

from ldm.data.action_units.captions import au_caption, intensity_word
from ldm.data.action_units.facs import BP4D, FACS
from ldm.data.action_units.sample import AuSample

ASIAN = {"gender": "female", "ethnicity": "Asian", "age": "young"}


def sample(*present, meta=ASIAN, intensity=None, absent=()):
    occurrence = dict.fromkeys(present, True) | dict.fromkeys(absent, False)
    return AuSample(Path("a.jpg"), "F001", occurrence=occurrence, intensity=intensity or {}, meta=meta)


@pytest.mark.parametrize(
    ("mode", "caption"),
    [
        ("index", "AU_3,AU_6"),
        ("code", "AU6,AU12"),
        ("phrase", "Asian,female,close-up,whole-face,front-face,young,cheek-raiser,lip-corner-puller"),
        ("sentence", "a close-up photo of a young Asian woman raising her cheeks and pulling her lip corners up"),
    ],
)
def test_four_modes(mode, caption):
    assert au_caption(sample(12, 6, absent=(1, 2)), mode, BP4D) == caption


def test_unknown_units_and_units_not_asked_for_are_not_said():
    one = AuSample(Path("a"), "x", occurrence={1: None, 12: True, 25: True})
    assert au_caption(one, "code", BP4D) == "AU12"


def test_intensities_become_words():
    one = sample(6, 12, 4, intensity={6: 2.0, 12: 4.4, 4: None})
    assert au_caption(one, "phrase", BP4D).endswith("brow-lowerer,slightly-cheek-raiser,strongly-lip-corner-puller")
    assert au_caption(one, "sentence", BP4D).endswith(
        "lowering her brows, slightly raising her cheeks and strongly pulling her lip corners up"
    )
    assert [intensity_word(value) for value in (None, 0, 0.4, 1, 3, 5)] == [
        "",
        "",
        "barely",
        "barely",
        "clearly",
        "extremely",
    ]


def test_what_is_not_known_of_a_person_is_left_out():
    assert au_caption(sample(12, meta={}), "phrase", BP4D) == "close-up,whole-face,front-face,lip-corner-puller"
    assert au_caption(sample(12, meta={}), "sentence", BP4D) == (
        "a close-up photo of a person pulling their lip corners up"
    )
    man = {"gender": "male", "ethnicity": "Asian"}
    assert (
        au_caption(sample(1, meta=man), "sentence", BP4D) == "a close-up photo of an Asian man raising his inner brows"
    )
    mixed = {"ethnicity": "European African", "gender": "female"}
    assert au_caption(sample(meta=mixed), "phrase", BP4D).startswith("European-African,female,close-up")


def test_a_neutral_face_is_called_so_only_where_that_is_known():
    assert (
        au_caption(sample(absent=BP4D), "sentence", BP4D)
        == "a close-up photo of a young Asian woman with a neutral face"
    )
    unsure = AuSample(Path("a"), "x", occurrence={1: False, 12: None})
    assert "neutral" not in au_caption(unsure, "sentence", BP4D)
    assert au_caption(sample(absent=BP4D), "code", BP4D) == ""


def test_every_unit_makes_a_sentence():
    for unit in FACS:
        said = au_caption(sample(unit), "sentence", list(FACS))
        assert "{" not in said
        assert said.startswith("a close-up photo of a young Asian woman ")
