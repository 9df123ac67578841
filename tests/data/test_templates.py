import pytest

from ldm.data.templates import DUAL_TEMPLATES, TEMPLATES, caption


def test_there_are_57_distinct_templates_with_one_gap_each() -> None:
    assert len(TEMPLATES) == len(set(TEMPLATES)) == 57
    assert all(template.count("{}") == 1 for template in TEMPLATES)


def test_dual_templates_are_distinct_and_have_two_gaps() -> None:
    assert len(DUAL_TEMPLATES) == len(set(DUAL_TEMPLATES)) >= 12
    assert all(template.count("{}") == 2 for template in DUAL_TEMPLATES)


def test_templates_are_plain_lower_case_words() -> None:
    for template in (*TEMPLATES, *DUAL_TEMPLATES):
        assert template == " ".join(template.split()).lower()


def test_published_caption_can_be_made() -> None:
    assert caption("a photo of a {}", "face of sks person") == "a photo of a face of sks person"
    assert "a photo of a {}" in TEMPLATES


def test_a_name_gets_no_article() -> None:
    for template in TEMPLATES:
        words = caption(template, "Ada Lovelace", article=False).split()
        assert words[-3:] == ["of", "Ada", "Lovelace"]


def test_two_people_keep_their_order() -> None:
    assert caption("a photo of {} and {}", "sks", "ks", article=False) == "a photo of sks and ks"


def test_wrong_number_of_fillings_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"has 1 gap\(s\) '\{\}', but 2 filling\(s\)"):
        caption("a photo of a {}", "sks", "ks")
