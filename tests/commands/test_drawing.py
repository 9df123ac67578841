"""What is said before anything is drawn."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ldm.commands.drawing import _warn_without
from ldm.runs.folder import RunFolder
from ldm.runs.load import learned_word


@pytest.mark.parametrize(
    ("word", "prompts", "warns"),
    [
        ("sks", ["a photo of a person", "a photo of flasks"], True),
        ("sks", ["a photo of a person", "a photo of <SKS>, smiling"], False),
        ("water bottle", ["a blue Water Bottle"], False),
        (None, ["a photo"], False),
    ],
)
def test_prompts_without_the_word_that_was_learned(
    caplog: pytest.LogCaptureFixture, word: str | None, prompts: list[str], warns: bool
) -> None:
    _warn_without(word, prompts)
    assert caplog.messages == ["no prompt mentions 'sks', the word for what the run has learned"] * warns


def test_the_word_stands_in_the_runs_config(tmp_path: Path, tiny_run: Path) -> None:
    run = RunFolder(tmp_path, "mine")
    run.configs.mkdir()
    for params, word in (({"token": "sks"}, "sks"), ({"token": None}, None), ({}, None)):
        OmegaConf.save(OmegaConf.create({"data": {"params": {"train": {"params": params}}}}), run.project_config)
        assert learned_word(run) == word
    assert learned_word(RunFolder.open(tiny_run)) is None, "people on the celeb basis are looked after elsewhere"
