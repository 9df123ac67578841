"""People meet weights that they were not learned on."""

from pathlib import Path

import pytest

from ldm.runs.extract import extract_people
from ldm.runs.load import load_model
from tests.tiny_model import CONFIG, write_tiny_model


def test_weights_of_another_width_are_refused(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words, so that nothing but the width tells."""
    monkeypatch.setitem(CONFIG["text_encoder"], "hidden_size", 48)
    monkeypatch.setitem(CONFIG["unet"], "cross_attention_dim", 48)
    other = write_tiny_model(tmp_path / "other")
    said = f"learned with token vectors of width 32, those of {other} have 48: give the weights that they were learned"
    with pytest.raises(ValueError, match=said):
        load_model(tiny_run, other)
    with pytest.raises(ValueError, match=said):
        extract_people(tiny_run, other, out=tmp_path / "shared")
