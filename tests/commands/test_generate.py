"""`python -m ldm generate`: pictures, what they say about themselves, and bad input."""

from pathlib import Path

from ldm.runs.folder import RunFolder


def test_fixture(tiny_run: Path):
    print(tiny_run)
    assert RunFolder.open(tiny_run).steps() == [1, 3, 5]
