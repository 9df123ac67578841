"""`generate` from a picture, between two ends, of any size, without a prompt."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.commands.generating import generate, pixels, refused, samples

FACE = "a photo of a face"


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory, astronaut: Image.Image) -> Path:
    """A photo of 48 x 40 pixels, and a mask of its left half."""
    folder = tmp_path_factory.mktemp("pictures")
    astronaut.resize((48, 40)).save(folder / "me.png")
    mask = Image.new("L", (48, 40))
    mask.paste(255, (0, 0, 24, 40))
    mask.save(folder / "left.png")
    return folder / "me.png"


def plain(model: Path, out: Path, *words: Any) -> list[Path]:
    generate("--sd", model, "--prompt", FACE, "--n", 2, "--out", out, *words)
    return samples(out)


def distance(drawn: Path, source: Path) -> float:
    seen = Image.open(source).resize(Image.open(drawn).size, Image.Resampling.LANCZOS)
    return float(np.abs(pixels(drawn) - np.asarray(seen).astype(np.int16)).mean())


def test_the_less_of_a_picture_is_given_up_the_more_is_like_it(tiny_model: Path, tmp_path: Path, picture: Path) -> None:
    """The short side is as long as the model draws, the other as the picture wants; both know the picture's hash."""
    words = ("--init-image", picture)
    some = [plain(tiny_model, tmp_path / s, *words, "--strength", s, "--steps", 20)[0] for s in ("0.05", "0.5", "1")]
    assert Image.open(some[0]).size == (20, 16)
    away = [float(np.abs(pixels(one) - pixels(some[0])).mean()) for one in some]
    assert away[0] < away[1] < away[2]
    facts = json.loads(Image.open(some[0]).info["ldm"])
    assert (facts["init_image"], facts["strength"]) == ("me.png", 0.05)
    assert len(facts["init_image_sha256"]) == 64
    assert json.loads((tmp_path / "1" / "settings.json").read_text())["init_image_sha256"] == facts["init_image_sha256"]
    assert "Denoising strength: 0.05" in Image.open(some[0]).info["parameters"]


@pytest.mark.parametrize("sampler", ["ddim", "dpm++", "euler", "pndm", "ddpm"])
def test_outside_a_mask_nothing_is_touched(tiny_model: Path, tmp_path: Path, picture: Path, sampler: str) -> None:
    words = ("--init-image", picture, "--mask", picture.with_name("left.png"), "--sampler", sampler)
    for path in plain(tiny_model, tmp_path, *words):
        drawn, before = pixels(path), pixels(picture)
        assert drawn.shape == before.shape, "a picture with a mask keeps its size"
        assert (drawn[:, 24:] == before[:, 24:]).all()
        assert np.abs(drawn[:, :20] - before[:, :20]).mean() > 5


def test_two_pictures_from_one_differ_by_their_seed_only(tiny_model: Path, tmp_path: Path, picture: Path) -> None:
    words = ("--init-image", picture, "--strength", "0.75", "--sampler", "ddpm")
    both = plain(tiny_model, tmp_path / "both", *words)
    generate("--sd", tiny_model, "--prompt", FACE, "--n", 1, "--seed", 43, "--out", tmp_path / "one", *words)
    assert np.abs(pixels(both[1]) - pixels(samples(tmp_path / "one")[0])).max() <= 1
    assert np.abs(pixels(both[0]) - pixels(both[1])).max() > 10


def test_between_two_seeds(tiny_model: Path, tmp_path: Path) -> None:
    words = ("--sd", tiny_model, "--prompt", FACE, "--out", tmp_path, "--interpolate", "seeds")
    generate(*words, "--frames", 3, "--to-seed", 50)
    frames = samples(tmp_path)
    assert len(frames) == 3
    for seed, frame in ((42, frames[0]), (50, frames[2])):
        generate("--sd", tiny_model, "--prompt", FACE, "--n", 1, "--seed", seed, "--out", tmp_path / str(seed))
        assert np.abs(pixels(samples(tmp_path / str(seed))[0]) - pixels(frame)).max() <= 1
    middle = pixels(frames[1])
    assert min(np.abs(middle - pixels(end)).max() for end in (frames[0], frames[2])) > 5
    [strip] = tmp_path.glob("*.png")
    assert Image.open(strip).size == (3 * 16 + 4, 16)
    [gif] = tmp_path.glob("*.gif")
    assert Image.open(gif).n_frames == 4, "there and back"
    assert FACE in Image.open(gif).info["comment"].decode()


def test_between_prompts_and_between_people(tiny_run: Path, tmp_path: Path) -> None:
    common = ("--run", tiny_run, "--frames", 3)
    generate(*common, "--prompt", "a photo of sks", "--people", "0", "--people", "1", "--interpolate", "people",
             "--out", tmp_path / "people")  # fmt: skip
    frames = samples(tmp_path / "people")
    for person, frame in ((0, frames[0]), (1, frames[2])):
        generate("--run", tiny_run, "--prompt", "a photo of sks", "--people", person, "--n", 1,
                 "--out", tmp_path / str(person))  # fmt: skip
        assert np.abs(pixels(samples(tmp_path / str(person))[0]) - pixels(frame)).max() <= 1
    prompts = ("--prompt", "a photo of sks", "--prompt", "a portrait of ks")
    generate(*common, *prompts, "--interpolate", "prompts", "--out", tmp_path / "prompts")
    rows = json.loads((tmp_path / "prompts" / "settings.json").read_text())["samples"]
    assert [row["share"] for row in rows] == [0, 0.5, 1]
    assert rows[1]["to_prompt"] == "a portrait of ks"


def test_without_a_prompt_and_of_another_size(tiny_model: Path, tmp_path: Path) -> None:
    generate("--sd", tiny_model, "--unconditional", "--n", 1, "--hw", "32x16", "--out", tmp_path)
    [path] = samples(tmp_path)
    assert path.name == "0000-unconditional_00042.png"
    assert Image.open(path).size == (16, 32)
    facts = json.loads(Image.open(path).info["ldm"])
    assert (facts["guidance_scale"], facts["height"], facts["width"]) == (1.0, 32, 16)


def test_what_a_picture_says_to_other_programs(tiny_model: Path, tmp_path: Path) -> None:
    words = ("--negative", "a dark photo", "--sampler", "dpm++")
    text = Image.open(plain(tiny_model, tmp_path, *words)[1]).info["parameters"]
    assert text == (
        "a photo of a face\nNegative prompt: a dark photo\nSteps: 4, Sampler: DPM++ 2M, CFG scale: 4.0, Seed: 43, "
        "Size: 16x16, Model: tiny"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--strength", 0], "strength 0 lies outside (0, 1]: 1 gives the picture up, near 0 keeps it"),
        (["--strength", 1.5], "strength 1.5 lies outside (0, 1]: 1 gives the picture up, near 0 keeps it"),
        (["--strength", 0.2], "strength 0.2 of 4 steps leaves none to take: give at least 0.25, or more steps"),
        (["--mask", "small.png"], "the mask small.png is 8 x 8, the picture 48 x 40: make them equal"),
        (["--mask", "black.png"], "the mask black.png is empty: nothing in it is white, so nothing would be drawn"),
        (["--mask", "none.png"], "photo not found: none.png"),
        (["--interpolate", "seeds"], "--interpolate goes from noise to noise: leave out --init-image"),
    ],
)
def test_pictures_that_cannot_be_begun_with(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path, picture: Path, words: list[Any], said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Image.new("L", (8, 8), 255).save("small.png")
    Image.new("L", (48, 40)).save("black.png")
    common = ("--sd", tiny_model, "--prompt", FACE, "--out", "out", "--init-image", picture)
    assert refused(capsys, *common, *words) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--strength", 0.5], "--strength and --mask belong to a picture: give --init-image FILE"),
        (["--hw", "17x16"], "--hw 17x16: both must be multiples of 2; the nearest is 16x16"),
        (["--hw", "big"], "--hw 'big': write height x width in pixels, like 512x768"),
        (["--unconditional"], "--unconditional draws without a prompt: leave out --prompt, --prompts and --negative"),
        (["--interpolate", "prompts"], "--interpolate prompts goes from one prompt to the next: give --prompt twice"),
        (
            ["--interpolate", "people"],
            "--interpolate people goes from one choice of people to the next: give --people twice",
        ),
    ],
)
def test_options_that_do_not_go_together(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path, words: list[Any], said: str
) -> None:
    assert refused(capsys, "--sd", tiny_model, "--prompt", FACE, "--out", tmp_path, *words) == said
