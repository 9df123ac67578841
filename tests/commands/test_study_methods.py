"""What is typed behind `study lora_rank` and `study methods` reaches the studies."""

from pathlib import Path
from typing import Any

import pytest

from evaluation.studies.methods import compare, lora_rank
from ldm.__main__ import main

SEA = "a photo of {} by the sea"
COMMON = ["--photos", "people", "--judge", "dlib", "--clip", "clip", "--prompt", SEA, "--seeds", "2"]


def typed(monkeypatch: pytest.MonkeyPatch, study: Any, *words: str) -> tuple[Any, Any]:
    seen: list[tuple[Any, Any]] = []
    monkeypatch.setattr(study, "study", lambda *given: seen.append(given))
    with pytest.raises(SystemExit) as left:
        main(["study", *words])
    assert left.value.code == 0
    [given] = seen
    return given


def test_lora_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    request, design = typed(
        monkeypatch, lora_rank, "lora_rank", *COMMON, "--rank", "4", "--lr", "4e-3", "--look", "50", "--look", "25"
    )
    assert (design.ranks, design.looks) == ([4], [25, 50]), "looks come in the order of steps"
    assert (request.photos, request.clip, list(request.seeds)) == (Path("people"), Path("clip"), [23, 24])
    assert list(request.prompts) == [SEA]


def test_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    request, arms = typed(monkeypatch, compare, "methods", *COMMON, "--arm", "lora", "--no-document")
    assert arms == ["lora"]
    assert (request.judge, request.document, list(request.prompts)) == ("dlib", False, [SEA])
