import re

import pytest

from ldm.data.captions import Words, attribute_caption, chance, name_caption, pair_caption, pick, row_caption
from ldm.data.templates import DUAL_TEMPLATES, TEMPLATES
from ldm.randomness import generator

HAIR = {"Black_Hair": "black", "Blond_Hair": "blond", "Brown_Hair": "brown", "Gray_Hair": "gray"}
WORN = {
    "Eyeglasses": "eyeglasses",
    "Wearing_Hat": "a hat",
    "Wearing_Earrings": "earrings",
    "Wearing_Necklace": "a necklace",
    "Wearing_Necktie": "a necktie",
    "Wearing_Lipstick": "lipstick",
}
SINGLE = ["Male", "Young", "Smiling", "Bald", "Bangs", "No_Beard", "Goatee", "Mustache", "Mouth_Slightly_Open"]
ALL = [*SINGLE, "5_o_Clock_Shadow", "Straight_Hair", "Wavy_Hair", *HAIR, *WORN]


def attributes(n: int) -> list[str]:
    """A random set of attributes, any with any."""
    draws = generator(0, "attributes", n)
    return [attribute for attribute in ALL if chance(0.4, draws)]


CASES = [(attributes(n), attribute_caption(attributes(n), generator(0, "caption", n))) for n in range(2000)]


def says(caption: str, words: str) -> bool:
    return re.search(rf"\b{words}\b", caption) is not None


def test_attribute_captions_are_sentences() -> None:
    for _, caption in CASES:
        assert re.fullmatch(r"a photo of an? (young |older )?(man|woman)( with [a-z ]+)?(, [a-z ]+)*", caption), caption
        assert "  " not in caption
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", caption.replace("a photo of a", "")), caption


@pytest.mark.parametrize("word", ["man", "woman", "smiling", "not smiling", "bald head", "hair", "bangs", "beard"])
def test_the_words_that_matter_do_occur(word: str) -> None:
    assert any(says(caption, word) for _, caption in CASES)


def test_who_it_is_is_said_always_and_rightly() -> None:
    for true, caption in CASES:
        assert says(caption, "man") == ("Male" in true)
        assert says(caption, "woman") == ("Male" not in true)


def test_captions_never_contradict_the_attributes() -> None:
    for true, caption in CASES:
        if says(caption, "smiling"):
            assert says(caption, "not smiling") == ("Smiling" not in true)
            assert caption.count("smiling") == 1
        assert not says(caption, "young") or "Young" in true
        assert not says(caption, "older") or "Young" not in true
        assert not says(caption, "open mouth") or "Mouth_Slightly_Open" in true
        for attribute, word in (HAIR | WORN).items():
            assert (
                not says(caption, word if attribute in WORN else f"{word}( straight| wavy)? hair") or attribute in true
            )


def test_hair_and_a_bald_head_do_not_meet() -> None:
    for true, caption in CASES:
        assert not (says(caption, "hair") and says(caption, "bald"))
        assert says(caption, "bald head") == ("Bald" in true)
        assert not says(caption, "bangs") or "Bangs" in true


def test_beards_are_those_that_are_there() -> None:
    for true, caption in CASES:
        assert not says(caption, "goatee") or "Goatee" in true
        assert not says(caption, "mustache") or "Mustache" in true
        assert not says(caption, "stubble beard") or "5_o_Clock_Shadow" in true
        plain = says(caption, "beard") and not says(caption, "stubble beard")
        assert not plain or ("Male" in true and "No_Beard" not in true)


def test_one_picture_gets_many_captions() -> None:
    captions = {attribute_caption(["Male", "Smiling", "Black_Hair"], generator(0, n)) for n in range(200)}
    assert len(captions) > 10
    assert attribute_caption(["Male"], generator(0, 1)) == attribute_caption(["Male"], generator(0, 1))


def test_half_of_the_captions_of_a_name_are_plain() -> None:
    captions = [name_caption("Ada Lovelace", generator(0, n)) for n in range(1000)]
    assert 0.45 < captions.count("a photo of Ada Lovelace") / 1000 < 0.55
    assert all(caption.count("Ada Lovelace") == 1 and "{}" not in caption for caption in captions)


def test_a_bare_name_has_no_article_but_a_face_has() -> None:
    for n in range(500):
        before = name_caption("sks", generator(1, n)).partition("sks")[0]
        article = re.search(r"(\b(?:a|an|the|one|my)(?: (?:nice|clean|cool|small|large))? )(face of )?$", before)
        person = name_caption("sks", generator(1, n)).endswith("sks person")
        assert bool(article) == (before.endswith("face of ") or person), before


def test_pairs_keep_left_and_right() -> None:
    seen = {pair_caption("sks", "ks", generator(2, n)) for n in range(500)}
    assert "a photo of sks and ks" in seen
    assert len(seen) > 12
    for caption in seen:
        words = caption.split()
        assert words.index("sks") < words.index("ks")
        assert words.count("sks") == words.count("ks") == 1


def test_all_templates_are_used() -> None:
    names = {name_caption("N", generator(3, n)) for n in range(4000)}
    assert len(names) > 3 * len(TEMPLATES)
    pairs = {pair_caption("L", "R", generator(3, n)) for n in range(1000)}
    assert len(pairs) == 2 * len(DUAL_TEMPLATES)


def test_picks_and_chances_are_even() -> None:
    draws = generator(4)
    picks = [pick("abc", draws) for _ in range(3000)]
    assert all(900 < picks.count(letter) < 1100 for letter in "abc")
    assert 0.26 < sum(chance(0.3, draws) for _ in range(3000)) / 3000 < 0.34
    assert not any(chance(0.0, draws) for _ in range(50))
    assert all(chance(1.0, draws) for _ in range(50))


def drawn(attributes, words, name=None, count=300):
    return {attribute_caption(attributes, generator(5, n), words, name) for n in range(count)}


def test_words_for_sex_and_age_are_the_users() -> None:
    captions = drawn(["Male", "Young"], Words(man="gentleman", young="youthful"))
    assert all("gentleman" in one and " man" not in one for one in captions)
    assert any("a youthful gentleman" in one for one in captions)
    assert not any("young" in one or "older" in one for one in drawn(["Young"], Words(young="", older="")))


def test_judgements_and_features_are_off_until_asked_for() -> None:
    true = ["Attractive", "Chubby", "Blurry", "Big_Nose", "Double_Chin", "Arched_Eyebrows", "Heavy_Makeup"]
    judged = r"attractive|chubby|blurry|big nose|double chin"
    features = r"arched eyebrows|make-up"
    assert not any(re.search(f"{judged}|{features}", one) for one in drawn(true, Words()))
    asked = drawn(true, Words(judgements=True))
    said = {found[0] for one in asked if (found := re.search(judged, one.replace("blurry", "")))}
    assert said == {"attractive", "chubby", "big nose", "double chin"}
    assert any("an attractive chubby older woman" in one for one in asked)
    assert all(one.startswith("a blurry photo of a") for one in asked)
    assert any(re.search(features, one) for one in drawn(true, Words(features=True)))
    assert all(" a attractive" not in one for one in asked)


def test_a_name_stands_for_the_person_where_both_are_known() -> None:
    captions = drawn(["Male", "Smiling", "Bald"], Words(), name="Ada Lovelace")
    assert all(one.startswith("a photo of Ada Lovelace") and " man" not in one for one in captions)
    assert "a photo of Ada Lovelace with a bald head, smiling" in captions
    row = {"name": "Ada Lovelace", "attributes": ["Smiling"]}
    both = [row_caption(row, generator(1, n)) for n in range(200)]
    assert all("Ada Lovelace" in one for one in both)
    assert 50 < sum("smiling" in one for one in both) < 150


def test_a_caption_of_its_own_comes_first() -> None:
    assert row_caption({"caption": "mine", "name": "Ada"}, generator(0)) == "mine"
    assert row_caption({"split": "train"}, generator(0)) is None
