"""A CLIP tokenizer that is always there, and managers of people on it."""

from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from tests.modules.people import basis, make

__all__ = ["basis", "clip", "make"]


@pytest.fixture(scope="session")
def clip(root: Path) -> CLIPTokenizer:
    """The words of tests/golden/make_clip_golden.py, with CLIP's own ids and pieces."""
    return CLIPTokenizer.from_pretrained(root / "tests/golden/clip_words")
