"""Prompts that ask for action units, and the figures made of them."""

import pytest

from ldm.data.action_units.asked import au_prompt, parse_sweep, told
from ldm.data.action_units.facs import parse_asked
from ldm.data.action_units.figures import FIGURES, of_units

SKS = "a photo of sks"


@pytest.mark.parametrize(
    ("asked", "mode", "prompt"),
    [
        ("12=3", "sentence", "a photo of sks clearly pulling their lip corners up"),
        (
            "12=4,6=2",
            "sentence",
            "a photo of sks strongly pulling their lip corners up and slightly raising their cheeks",
        ),
        ("12=4,6=2", "phrase", "a photo of sks,strongly-lip-corner-puller,slightly-cheek-raiser"),
        ("R14=5", "phrase", "a photo of sks,extremely-right-dimpler"),
        ("R14=5", "sentence", "a photo of sks extremely dimpling their cheeks on the right side"),
        ("12,6", "code", "a photo of sks,AU12,AU6"),
        ("12", "index", "a photo of sks,AU_6"),
        ("12=0", "phrase", SKS),
    ],
)
def test_prompts(asked: str, mode: str, prompt: str) -> None:
    assert au_prompt(SKS, parse_asked(asked), mode) == prompt


def test_a_sweep_goes_up_or_down_in_whole_steps() -> None:
    assert told(parse_sweep("12=0..5")) == "AU12=0,AU12=1,AU12=2,AU12=3,AU12=4,AU12=5"
    assert told(parse_sweep("AUR12=3..1")) == "AUR12=3,AUR12=2,AUR12=1"
    for text in ("12", "12=0-5", "12=0..6", "12=2..2", "smile=0..5"):
        with pytest.raises(ValueError, match="sweep"):
            parse_sweep(text)
    with pytest.raises(ValueError, match="no place among the twelve of BP4D"):
        au_prompt(SKS, parse_asked("26"), "index")


def test_the_figures() -> None:
    sizes = {name: [len(row) for row in make(None, "12", "phrase").rows.values()] for name, make in FIGURES.items()}
    assert sizes == {"person-by-units": [1] * 13, "unit-by-people": [4, 4], "mixtures": [6, 6], "sweep": [6]}
    first = FIGURES["unit-by-people"](None, "4", "phrase").prompts[0]
    assert first == "Asian,female,close-up,whole-face,front-face,young,clearly-brow-lowerer"
    assert FIGURES["sweep"](SKS, "12", "sentence").prompts[::5] == [
        SKS,
        f"{SKS} extremely pulling their lip corners up",
    ]


def test_rows_of_units_that_a_vector_lacks_are_left_out() -> None:
    units = FIGURES["person-by-units"](None, "4", "phrase")
    assert list(of_units(units, (12, 25, 4)).rows) == ["neutral", "AU4 brow lowerer", "AU12 lip corner puller"]
    assert of_units(units, (43,)) == units, "nothing is left to show: the vector says which it has"
    people = FIGURES["unit-by-people"](None, "4", "phrase")
    assert of_units(people, (12,)) == people
