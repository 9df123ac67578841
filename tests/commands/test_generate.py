"""`python -m ldm generate`: pictures, and what they say about themselves."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands.generating import generate, pixels, samples

PROMPTS = ("a photo of sks", "a photo of ks and sks")


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
            "height": None,
            "width": None,
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


def test_prompts_may_each_mention_someone_else(
    tiny_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = [word for prompt in ("sks", "ks", "ks and sks", "a man") for word in ("--prompt", prompt)]
    generate("--run", tiny_run, *words, "--n", 1, "--out", tmp_path)
    assert len(samples(tmp_path)) == 4
    generate("--run", tiny_run, "--prompt", "sks", "--n", 1, "--out", tmp_path, "--people", "0,1", "--people",
             "1,0", "--step", "1,5")  # fmt: skip
    assert caplog.text.count("person 2 is in no prompt: 'ks' is not mentioned") == 1
