import pytest

from ldm.data.prompts import Prompt, Tags, shortened
from ldm.data.templates import STYLE_TEMPLATES, TEMPLATES
from ldm.randomness import generator


def all_of(prompt, own=None, count=200):
    return {prompt.of(own, generator(0, n)) for n in range(count)}


def test_the_prompt_stands_where_there_is_no_caption():
    prompt = Prompt("a photo of sks person")
    assert all_of(prompt) == {"a photo of sks person"}
    assert all_of(prompt, "sks in a hat") == {"sks in a hat"}


@pytest.mark.parametrize("place", ["{name}", "[name]", "[trigger]"])
def test_names_are_filled_in_prompts_and_captions(place):
    assert all_of(Prompt(f"a photo of {place}", "sks")) == {"a photo of sks"}
    assert all_of(Prompt(None, "sks"), f"{place} in a hat") == {"sks in a hat"}


@pytest.mark.parametrize("place", ["{filewords}", "[filewords]"])
def test_captions_are_filled_into_the_prompt(place):
    prompt = Prompt(f"a photo of sks, {place}, film grain")
    assert all_of(prompt, "in a hat") == {"a photo of sks, in a hat, film grain"}
    assert all_of(prompt) == {"a photo of sks, film grain"}
    assert all_of(Prompt(f"{place}, {place}"), None) == {""}
    assert all_of(Prompt(f"a photo of sks, {place}")) == {"a photo of sks"}


def test_a_place_for_a_name_needs_one():
    with pytest.raises(ValueError, match=r"has a place for a name \(\{name\}\), but none is given: set token"):
        all_of(Prompt("a photo of {name}"))
    with pytest.raises(ValueError, match="templates need the word that they are filled with: set token"):
        all_of(Prompt(templates="object"))


def test_templates_for_objects_styles_and_people():
    assert all_of(Prompt(name="sks", templates="style"), count=400) == {t.format("sks") for t in STYLE_TEMPLATES}
    assert len(STYLE_TEMPLATES) == len(set(STYLE_TEMPLATES))
    objects, people = (all_of(Prompt(name="sks", templates=kind), count=900) for kind in ("object", "person"))
    assert objects == {template.format("sks") for template in TEMPLATES}
    assert "a photo of sks" in people
    assert not any(" a sks" in said or " the sks" in said for said in people)
    assert all(said.endswith(", in a hat") for said in all_of(Prompt(name="sks", templates="style"), "in a hat"))


def test_tags_are_shuffled_behind_those_that_are_kept():
    tags = Tags(shuffle=True, keep=1)
    said = {tags.vary("sks, a, b,c", generator(0, n)) for n in range(100)}
    assert len(said) == 6
    assert all(sorted(one.split(", ")) == ["a", "b", "c", "sks"] and one.startswith("sks, ") for one in said)


def test_tags_are_dropped_at_their_rate_but_for_those_kept():
    tags = Tags(keep=1, dropout=0.25)
    left = [tags.vary("sks, a, b, c, d", generator(0, n)).split(", ") for n in range(2000)]
    assert all(one[0] == "sks" and one == sorted(one, key=["sks", "a", "b", "c", "d"].index) for one in left)
    assert sum(len(one) - 1 for one in left) / 8000 == pytest.approx(0.75, abs=0.02)


def test_tags_may_stand_between_other_separators():
    assert Tags(dropout=1.0, keep=2, separator=";").vary("a; b;c", generator(0)) == "a; b"
    assert Tags().vary("as , it is", generator(0)) == "as , it is"


def test_the_longest_captions_are_known_before():
    prompt = Prompt("a photo of sks, [filewords]", tags=Tags(shuffle=True, dropout=0.9))
    assert prompt.longest("a, b, c") == ["a photo of sks, a, b, c"]
    assert len(Prompt(name="sks", templates="style").longest("x")) == len(STYLE_TEMPLATES)


def test_a_long_caption_loses_its_last_tags_or_words():
    assert shortened("a b, c d, e", lambda text: len(text) < 9) == "a b, c d"
    assert shortened("one two three", lambda text: len(text) < 9) == "one two"
    assert shortened("whole", lambda text: False) == "whole"
