"""The demo's section of docs/measurements.md."""

from pathlib import Path
from typing import Any

import pytest

from evaluation.studies.demo import run, section


def report(ci: tuple[float, float], identity: float, other: float) -> dict[str, Any]:
    person = {"placeholder": "sks", "photo": "photos/ann.png", "n": 16, "detected": 15, "identity": identity}
    person |= {"identity_before": 0.01, "identity_other": other, "ci": list(ci)}
    return {
        "model": "weights/embedded",
        "judge": "yunet+sface",
        "people": [person],
        "pair": {"n": 16, "two_faces": 14, "assigned": 9},
        "seconds": {"setup": 777.0, "align": 1.1, "train": 99.4},
        "settings": {"conditioned_by": ["sface"], "machine": "a machine"},
    }


@pytest.mark.parametrize(
    ("ci", "identity", "other", "gate"),
    [
        ((0.01, 0.2), 0.3, 0.1, "met"),
        ((-0.01, 0.2), 0.3, 0.1, "not met"),
        ((0.01, 0.2), 0.1, 0.3, "not met"),
    ],
)
def test_the_gate_is_met_or_not(ci: tuple[float, float], identity: float, other: float, gate: str) -> None:
    text = section(report(ci, identity, other))
    assert text.split("| ann (`sks`)")[1].split("\n")[0].endswith(f"| {gate} |")
    assert "15 of 16" in text
    assert "two faces in 14 of 16" in text
    assert "align 1 s, train 99 s" in text
    assert "777" not in text, "the setup is no stage of the job"


def test_without_a_demo_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `make demo` first"):
        run(tmp_path / "report.json")
