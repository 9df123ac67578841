"""A CLIP tokenizer that is always there."""

from pathlib import Path

import pytest
from transformers import CLIPTokenizer


@pytest.fixture(scope="session")
def clip(root: Path) -> CLIPTokenizer:
    """The words of tests/golden/make_clip_golden.py, with CLIP's own ids and pieces."""
    return CLIPTokenizer.from_pretrained(root / "tests/golden/clip_words")
