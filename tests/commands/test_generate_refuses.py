"""What `python -m ldm generate` cannot do, and what it says then."""

from pathlib import Path

import pytest

from ldm.commands.drawing_models import parse_people
from ldm.commands.steps import parse_steps
from tests.commands.generating import generate, refused


def test_a_run_that_is_not_there(
    capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").symlink_to(tiny_run.parent)
    monkeypatch.chdir(tmp_path)
    said = refused(capsys, "--run", "nothing", "--prompt", "sks")
    assert said == f"logs/nothing: no such run; logs holds {tiny_run.name}"


def test_a_step_that_is_not_there(capsys: pytest.CaptureFixture[str], tiny_run: Path) -> None:
    said = refused(capsys, "--run", tiny_run, "--prompt", "sks", "--step", "1,199")
    assert said == f"{tiny_run} has no exported files of step 199; there are the steps 1, 3, 5"


def test_a_person_that_is_not_there(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    said = refused(capsys, "--run", tiny_run, "--prompt", "sks", "--people", "7", "--out", tmp_path)
    assert said == "person 7 has not been trained; trained: 0, 1"


def test_more_people_than_given(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    common = ("--run", tiny_run, "--out", tmp_path)
    said = refused(capsys, *common, "--prompt", "sks", "--prompt", "a photo of sks and ks", "--people", "1")
    assert said.startswith(
        "the prompt 'a photo of sks and ks' asks for 'ks', person 2, but the number of people given is 1: choose more"
    )
    said = refused(capsys, *common, "--prompt", "a photo of ata")
    assert "asks for 'ata', person 3, but the number of people given is 2" in said
    said = refused(capsys, *common, "--prompt", "sks", "--people", "0,1,0,1,0,1,0,1")
    assert said == "8 people are chosen, but the run has 7 placeholders: sks, ks, ata, tre, ry, bop, rn"
    assert not any(tmp_path.iterdir())


def test_an_unknown_placeholder(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    said = refused(capsys, "--run", tiny_run, "--prompt", "a photo of skks", "--out", tmp_path)
    assert said == "no prompt mentions a placeholder ('sks', 'ks'): 'skks' is none; a placeholder is a whole word"
    said = refused(capsys, "--run", tiny_run, "--prompt", "a photo of a man", "--out", tmp_path)
    assert said.endswith(": write for example 'a photo of sks'")


def test_a_prompt_past_the_limit(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    """32 tokens are the limit; that the expansion makes it too long is seen before anything is drawn."""
    long = " ".join(["sks", *["a"] * 26, "ks"])
    said = refused(capsys, "--run", tiny_run, "--prompt", "sks", "--prompt", f"{long} a", "--out", tmp_path)
    assert "has 33 tokens with begin and end, since each of its 2 mention(s) of a person takes 2" in said
    assert "the text encoder takes 32: shorten it by 1" in said
    assert not any(tmp_path.iterdir())
    generate("--run", tiny_run, "--prompt", long, "--out", tmp_path, "--n", 1)


def test_prompts_that_cannot_be_read(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    assert refused(capsys, "--run", tiny_run) == "nothing to draw: give --prompt TEXT or --prompts FILE"
    path = tmp_path / "prompts.txt"
    assert refused(capsys, "--run", tiny_run, "--prompts", path) == f"there is no file of prompts at {path}"
    path.write_text("\n# nothing\n")
    assert refused(capsys, "--run", tiny_run, "--prompts", path) == f"{path} holds no prompt: write one a line"
    path.write_bytes(b"a photo of \xff sks")
    assert refused(capsys, "--run", tiny_run, "--prompts", path).startswith(f"{path} is not UTF-8 text")


def test_output_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refused(capsys, "--run", tiny_run, "--prompt", "sks", "--out", tmp_path / "file" / "out")
    assert said == f"cannot write to {tmp_path / 'file' / 'out'}: Not a directory; choose another folder"


def test_neither_run_nor_weights(capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path) -> None:
    assert refused(capsys, "--prompt", "sks") == "give --run logs/RUN, or --sd WEIGHTS for the plain model"
    said = refused(capsys, "--sd", tiny_model, "--prompt", "a man", "--mean", "--out", tmp_path)
    assert said == "--people, --photo, --mean and --step belong to a run: give --run logs/RUN"
    said = refused(capsys, "--sd", tmp_path / "none", "--prompt", "a man", "--out", tmp_path)
    assert said.startswith(f"there is no model at {tmp_path / 'none'}")
    said = refused(capsys, "--sd", tiny_model, "--prompt", "a man", "--sampler", "dimm", "--out", tmp_path)
    assert said == "sampler 'dimm': there are ddim, dpm++, euler, pndm, ddpm"


@pytest.mark.parametrize("text", ["", "a", "0,", "-1", "-1,0", "0;1"])
def test_people_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="write places of people with commas between, from 0, like 0,1"):
        parse_people(text)


def test_people_and_steps_as_written() -> None:
    assert parse_people("3, 1") == [3, 1]
    assert parse_people("3,-1") == [3, 3]
    assert parse_steps("199, last,best") == [199, None, "best"]
    with pytest.raises(ValueError, match="write training steps with commas between, like 199,399, or last"):
        parse_steps("199;399")
