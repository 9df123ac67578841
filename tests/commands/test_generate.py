"""`python -m ldm generate`: pictures, what they say about themselves, and bad input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ldm.__main__ import main
from ldm.commands.generate import parse_people, parse_steps

PROMPTS = ("a photo of sks", "a photo of ks and sks")


def generate(*words: Any, fails: bool = False) -> None:
    with pytest.raises(SystemExit) as left:
        main(["generate", *map(str, words)])
    assert (left.value.code != 0) == fails


def refused(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    """The one line that a user sees."""
    generate(*words, fails=True)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    [error] = [line for line in said.splitlines() if line.startswith("error: ")]
    return error.removeprefix("error: ")


def pixels(path: Path) -> NDArray[np.int16]:
    return np.asarray(Image.open(path)).astype(np.int16)


def samples(folder: Path, **of: Any) -> list[Path]:
    """The pictures that settings.json lists with these facts."""
    rows = json.loads((folder / "settings.json").read_text())["samples"]
    return [folder / row["file"] for row in rows if of.items() <= row.items()]


@pytest.fixture(scope="module")
def drawn(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two prompts, three pictures each, two steps, people in both orders."""
    out = tmp_path_factory.mktemp("drawn")
    (out / "prompts.txt").write_text("\ufeff# who is where\n\n  a photo of sks  \r\na photo of ks and sks\n")
    generate(
        "--run", tiny_run, "--prompts", out / "prompts.txt", "--n", 3, "--out", out,
        "--step", "1,last", "--people", "0,1", "--people", "1,0",
    )  # fmt: skip
    return out


def test_one_grid_a_prompt_and_every_sample_a_file(drawn: Path) -> None:
    assert sorted(path.name for path in drawn.glob("*.png")) == sorted(
        f"{stem}_{people}_{step}.png"
        for stem in ("0000-a-photo-of-sks", "0001-a-photo-of-ks-and-sks")
        for people in ("0_1", "1_0")
        for step in (1, 5)
    )
    assert len(list((drawn / "samples").iterdir())) == 2 * 3 * 2 * 2
    grid = Image.open(drawn / "0000-a-photo-of-sks_0_1_5.png")
    assert grid.size == (3 * 16 + 2 * 2, 16)


def test_settings_are_complete(drawn: Path, tiny_run: Path, tiny_model: Path) -> None:
    written = json.loads((drawn / "settings.json").read_text())
    assert written.pop("samples")[0] == {
        "file": "samples/0000-a-photo-of-sks_0_1_1_00042.png",
        "prompt": "a photo of sks",
        "seed": 42,
        "people": ["sks=0", "ks=1"],
        "step": 1,
    }
    assert written == {
        "settings": {
            "num_samples": 3,
            "seed": 42,
            "num_inference_steps": 4,
            "guidance_scale": 4.0,
            "sampler": "ddim",
            "negative_prompt": "",
            "batch_size": 8,
        },
        "model": str(tiny_model),
        "run": tiny_run.name,
    }


def test_a_picture_says_how_it_was_made(drawn: Path, tiny_run: Path) -> None:
    [_, path, _] = samples(drawn, step=5, people=["sks=1", "ks=0"], prompt=PROMPTS[1])
    told = Image.open(path).info
    assert told["prompt"] == PROMPTS[1]
    facts = json.loads(told["ldm"])
    assert facts["seed"] == 43
    assert facts["people"] == ["sks=1", "ks=0"]
    assert facts["run"] == tiny_run.name
    assert facts["step"] == 5
    assert facts["guidance_scale"] == 4.0


def test_people_and_steps_are_what_is_drawn(drawn: Path) -> None:
    """sks is whoever was chosen first; what the run had learned after another step looks different."""
    one, other = (
        samples(drawn, step=5, people=p, prompt=PROMPTS[0])[0] for p in (["sks=0", "ks=1"], ["sks=1", "ks=0"])
    )
    earlier = samples(drawn, step=1, people=["sks=0", "ks=1"], prompt=PROMPTS[0])[0]
    assert np.abs(pixels(one) - pixels(other)).max() > 10
    assert np.abs(pixels(one) - pixels(earlier)).max() > 10


def test_a_picture_is_the_same_in_any_batch(drawn: Path, tiny_run: Path, tmp_path: Path) -> None:
    """Also: the same seed gives the same picture, and a model that went on from step 1 is as one loaded at step 5."""
    generate("--run", tiny_run, "--prompt", PROMPTS[1], "--n", 3, "--out", tmp_path, "--batch-size", 2)
    before, again = samples(drawn, step=5, people=["sks=0", "ks=1"], prompt=PROMPTS[1]), samples(tmp_path)
    assert len(before) == len(again) == 3
    for one, other in zip(before, again, strict=True):
        assert np.abs(pixels(one) - pixels(other)).max() <= 1
    assert np.abs(pixels(again[0]) - pixels(again[1])).max() > 10


def test_drawing_again_adds(drawn: Path, tiny_run: Path, tmp_path: Path) -> None:
    common = ("--run", tiny_run, "--out", tmp_path, "--n", 1)
    generate(*common, "--prompt", "a photo of sks", "--prompt", "a portrait of sks")
    generate(*common, "--prompt", "a photo of sks", "--guidance", 2)
    first, second = json.loads((tmp_path / "settings.json").read_text())["samples"]
    assert first["prompt"] == "a portrait of sks"
    assert first["settings"]["guidance_scale"] == 4.0
    assert second["prompt"] == "a photo of sks"
    assert "settings" not in second


def test_brackets_make_no_difference(tiny_run: Path, tmp_path: Path) -> None:
    """Other programs know a person as <sks>: their prompts can be drawn here too."""
    generate("--run", tiny_run, "--prompt", "a photo of <ks> and <SKS>", "--prompt", PROMPTS[1], "--n", 1,
             "--out", tmp_path)  # fmt: skip
    one, other = samples(tmp_path)
    assert (pixels(one) == pixels(other)).all()


def test_the_mean_is_nobody(tiny_run: Path, tmp_path: Path) -> None:
    generate("--run", tiny_run, "--prompt", PROMPTS[1], "--n", 1, "--out", tmp_path, "--mean")
    generate("--run", tiny_run, "--prompt", PROMPTS[1], "--n", 1, "--out", tmp_path)
    mean, own = samples(tmp_path)
    assert mean.name == "0000-a-photo-of-ks-and-sks_mean_mean_5_00042.png"
    assert np.abs(pixels(mean) - pixels(own)).max() > 1


def test_the_same_person_twice(tiny_run: Path, tmp_path: Path) -> None:
    generate("--run", tiny_run, "--prompt", PROMPTS[1], "--n", 1, "--out", tmp_path, "--people", "1,-1")
    assert json.loads((tmp_path / "settings.json").read_text())["samples"][0]["people"] == ["sks=1", "ks=1"]


def test_the_plain_model_has_no_people(tiny_model: Path, tmp_path: Path) -> None:
    generate("--sd", tiny_model, "--prompt", "a photo of tom hanks", "--n", 1, "--out", tmp_path)
    [path] = samples(tmp_path, people=[])
    assert path.name == "0000-a-photo-of-tom-hanks_00042.png"


def test_a_run_is_known_by_its_name(tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs").symlink_to(tiny_run.parent)
    monkeypatch.chdir(tmp_path)
    generate("--run", tiny_run.name, "--prompt", "a photo of sks", "--n", 1)
    assert len(samples(tmp_path / "outputs" / tiny_run.name)) == 1


LONG = " ".join(["sks", *["photograph"] * 27])


@pytest.mark.parametrize("prompt", ["a photo of sks / ks \\ ../../etc : * ?", LONG])
def test_file_names_stay_sane(tiny_run: Path, tmp_path: Path, prompt: str) -> None:
    generate("--run", tiny_run, "--prompt", prompt, "--n", 1, "--out", tmp_path / "out")
    [path] = samples(tmp_path / "out")
    assert path.parent == tmp_path / "out" / "samples"
    assert len(path.name.encode()) < 100
    assert Image.open(path).info["prompt"] == prompt
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert len(LONG) == 300


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


def test_prompts_may_each_mention_someone_else(
    tiny_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = [word for prompt in ("sks", "ks", "ks and sks", "a man") for word in ("--prompt", prompt)]
    generate("--run", tiny_run, *words, "--n", 1, "--out", tmp_path)
    assert len(samples(tmp_path)) == 4
    generate("--run", tiny_run, "--prompt", "sks", "--n", 1, "--out", tmp_path, "--people", "0,1")
    assert "person 2 is in no prompt: 'ks' is not mentioned" in caplog.text


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
    assert said == "--people, --mean and --step belong to a run: give --run logs/RUN"
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
    assert parse_steps("199, last") == [199, None]
    with pytest.raises(ValueError, match="write training steps with commas between, like 199,399, or last"):
        parse_steps("199;399")
