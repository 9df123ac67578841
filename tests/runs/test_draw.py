"""Pictures in a folder: names, what is written beside them, and prompts files. No model is needed."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ldm.runs.draw import DrawSettings, draw_prompt, draw_prompts, read_prompts, settings_of
from ldm.runs.png import file_stem, grid_of


class Painter:
    """Paints a picture in the colour that the seed says; remembers how many it was asked for at a time."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, prompt: list[str], generator: list[Any], **_: Any) -> Any:
        self.asked.append(len(prompt))
        colours = [one.initial_seed() % 256 for one in generator]
        return SimpleNamespace(images=[Image.new("RGB", (4, 6), (colour, 0, 0)) for colour in colours])


def test_each_picture_has_its_own_seed() -> None:
    painter = Painter()
    drawn = list(draw_prompt(painter, "a photo", DrawSettings(num_samples=5, seed=9, batch_size=2)))
    assert [(seed, picture.getpixel((0, 0))) for seed, picture in drawn] == [(s, (s, 0, 0)) for s in range(9, 14)]
    assert painter.asked == [2, 2, 1]


@pytest.mark.parametrize(
    ("prompt", "stem"),
    [
        ("a photo of sks", "a-photo-of-sks"),
        ("  a  photo of   sks ", "a-photo-of-sks"),
        ("портрет sks", "портрет-sks"),
        ("a photo of sks, smiling", "a-photo-of-sks-smiling-754243"),
        ("a-photo of sks", "a-photo-of-sks-02318f"),
        ("../../etc/passwd", "etc-passwd-936d7c"),
        ("???", "2d86c2"),
    ],
)
def test_names_of_files(prompt: str, stem: str) -> None:
    assert file_stem(prompt) == stem


def test_long_names_are_cut_and_still_differ() -> None:
    long = "é" * 200
    stems = {file_stem(long), file_stem(long + "a"), file_stem(long + "b")}
    assert len(stems) == 3
    assert all(len(stem.encode()) <= 60 for stem in stems)


def test_a_grid() -> None:
    pictures = [Image.new("RGB", (4, 6), (n, 0, 0)) for n in range(3)]
    grid = np.asarray(grid_of(pictures, columns=2, gap=1))
    assert grid.shape == (6 * 2 + 1, 4 * 2 + 1, 3)
    assert grid[:6, 5:, 0].tolist() == [[1] * 4] * 6
    assert (grid[7:, 5:] == 255).all()
    assert grid_of(pictures).size == (4 * 3 + 2 * 2, 6)


def test_earlier_pictures_stay_and_say_how_they_differ(tmp_path: Path) -> None:
    settings, facts = DrawSettings(num_samples=1), {"model": "m", "run": "r", "step": 3, "people": ["sks=0"]}
    draw_prompts(Painter(), ["sks"], settings, tmp_path, facts, "0_3")
    draw_prompts(Painter(), ["sks"], settings, tmp_path, {**facts, "step": 5}, "0_5")
    draw_prompts(Painter(), ["sks"], DrawSettings(num_samples=1, seed=7), tmp_path, {**facts, "run": "s"}, "0_3")
    (tmp_path / "samples" / "0000-sks_0_5_00042.png").unlink()
    written = json.loads((tmp_path / "settings.json").read_text())
    assert written["run"] == "s"
    assert written["settings"]["seed"] == 7
    first, second, third = written["samples"]
    assert first["run"] == second["run"] == "r"
    assert first["settings"]["seed"] == 42
    assert [sample["step"] for sample in (first, second, third)] == [3, 5, 3]
    assert third == {
        "file": "samples/0000-sks_0_3_00007.png",
        "prompt": "sks",
        "seed": 7,
        "people": ["sks=0"],
        "step": 3,
    }
    draw_prompts(Painter(), ["ks"], settings, tmp_path, facts)
    written = json.loads((tmp_path / "settings.json").read_text())
    assert [sample["file"][-12:] for sample in written["samples"]] == ["_3_00042.png", "_3_00007.png", "ks_00042.png"]


def test_prompts_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes("\ufeffa photo of sks\r\n\r\n # a remark\n  ks  \n".encode())
    assert read_prompts(path) == ["a photo of sks", "ks"]


def test_what_is_not_wanted_is_as_the_model_has_it() -> None:
    model = SimpleNamespace(
        defaults=SimpleNamespace(num_inference_steps=25, guidance_scale=4.0, sampler="dpm++", more=1)
    )
    usual = settings_of(model, seed=7, sampler=None)
    assert (usual.num_inference_steps, usual.guidance_scale, usual.sampler, usual.seed) == (25, 4.0, "dpm++", 7)
    assert settings_of(model, guidance_scale=0.0, sampler="ddim") == DrawSettings(
        num_inference_steps=25, guidance_scale=0.0, sampler="ddim"
    )
