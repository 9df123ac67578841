"""A placeholder may stand in brackets, as other programs write it."""

import pytest
from transformers import CLIPTokenizer

from ldm.modules.placeholders import Placeholders


@pytest.mark.parametrize(
    ("prompt", "plain"),
    [
        ("a photo of <sks>, with <KS>'s hat", "a photo of  sks , with  KS 's hat"),
        ("<sks", "<sks"),
        ("<other> <3 asks", "<other> <3 asks"),
    ],
)
def test_placeholders_may_stand_in_brackets(clip: CLIPTokenizer, prompt: str, plain: str) -> None:
    assert Placeholders(clip, ["sks", "ks"]).plain(prompt) == plain
