"""A prompt with more tokens than the text encoder takes: one message, and nothing is cut off."""

import logging
from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from ldm.modules.placeholders import PromptTooLongError, tokenize


def test_a_prompt_past_the_limit_is_never_cut(root: Path) -> None:
    clip = CLIPTokenizer.from_pretrained(root / "tests/golden/clip_words")
    said: list[logging.LogRecord] = []
    listener = logging.Handler()
    listener.emit = said.append  # type: ignore[method-assign]
    logging.getLogger("transformers").addHandler(listener)
    try:
        with pytest.raises(
            PromptTooLongError, match=r"has 79 tokens with begin and end, .* takes 77: shorten it by 2"
        ) as error:
            tokenize(clip, ["a dog", "cat " * 75 + "very dog"], 77)
    finally:
        logging.getLogger("transformers").removeHandler(listener)
    assert "'very dog'" in str(error.value)
    assert said == [], "transformers says the same in other words, and speaks of indexing errors"


def test_a_prompt_far_past_the_limit_does_not_fill_the_screen(clip: CLIPTokenizer) -> None:
    with pytest.raises(PromptTooLongError) as error:
        tokenize(clip, ["w " * 400], 77)
    assert len(str(error.value)) < 300
