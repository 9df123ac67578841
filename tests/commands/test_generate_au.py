"""`generate --au` and `visualize au`: pictures of faces that are asked to do something."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ldm.__main__ import main
from tests.commands.generating import generate, refused, samples
from tests.tiny_model import write_tiny_model

WORDS = "barely slightly clearly strongly extremely pulling their lip corners up raising cheeks pressing lips together"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with words for some movements."""
    return write_tiny_model(tmp_path_factory.mktemp("weights") / "moving", [*WORDS.split(), "parting", "and"])


def drawn(model: Path, out: Path, *words: Any) -> list[str]:
    generate("--sd", model, "--prompt", "a face", "--n", 1, "--out", out, *words)
    return [Image.open(path).info["prompt"] for path in samples(out)]


def test_what_a_face_shall_do(model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert drawn(model, tmp_path / "au", "--au", "12=4") == ["a face strongly pulling their lip corners up"]
    said = ["a face clearly raising their cheeks and clearly pulling their lip corners up"]
    assert drawn(model, tmp_path / "preset", "--au-preset", "happiness") == said
    assert not caplog.messages
    drawn(model, tmp_path / "both", "--au", "24=2,25=2")
    assert "lips that are pressed together do not part" in caplog.text


def test_a_sweep(model: Path, tmp_path: Path) -> None:
    prompts = drawn(model, tmp_path, "--au-sweep", "12=0..2")
    assert prompts[0] == "a face"
    assert [prompt.split()[2] for prompt in prompts[1:]] == ["barely", "slightly"]
    assert Image.open(tmp_path / "sweep.gif").n_frames == 4


def test_a_figure(model: Path, tmp_path: Path) -> None:
    words = ["--person", "a face", "--unit", "12", "--words", "sentence", "--out", str(tmp_path), "--steps", "2"]
    with pytest.raises(SystemExit) as left:
        main(["visualize", "au", "sweep", "--sd", str(model), *words])
    assert left.value.code in (0, None)
    assert Image.open(tmp_path / "sweep.png").height == 18
    assert Image.open(tmp_path / "sweep.gif").n_frames == 10
    with pytest.raises(SystemExit) as left:
        main(["visualize", "au", "sweep", "--sd", str(model), *words, "--au-guidance", "5"])
    assert left.value.code, "words are told, no vector"
    assert len(samples(tmp_path)) == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--au", "12", "--au-preset", "anger"], "each say what the face does: give one of them"),
        (["--au", "smile"], "'smile' is no action unit: write 12, 12=3 or R12=2.5"),
        (["--au", "12=9"], "AU12=9: intensities go from 0 (absent) to 5 (maximum)"),
        (["--au-preset", "joy"], "there is no preset 'joy'; there are happiness, sadness"),
        (["--au-sweep", "12"], "'12' is no sweep: write the action unit and two whole intensities, like 12=0..5"),
        (["--au", "12", "--interpolate", "seeds"], "put what a face does into the prompts"),
        (["--au", "12", "--au-guidance", "2"], "--au-guidance is for a run with AuConditioner"),
        (["--au", "12", "--au-prompt", "a face"], "--au-prompt is for a run with AuConditioner"),
    ],
)
def test_what_cannot_be_asked(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    assert said in refused(capsys, "--sd", tiny_model, "--prompt", "a face", "--out", tmp_path, *words)
