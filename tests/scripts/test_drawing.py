"""The older drawing programs, run: numbered folders, their arguments beside the pictures."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
translate: Any = importlib.import_module("translate")
test_model: Any = importlib.import_module("test_model")
FACE = "a photo of a face"


def facts(folder: Path) -> dict[str, Any]:
    [picture, *_] = sorted((folder / "samples").iterdir())
    told: dict[str, Any] = json.loads(Image.open(picture).info["ldm"])
    return told


def test_txt2img_and_img2img_in_numbered_folders(tiny_model: Path, tmp_path: Path, astronaut: Image.Image) -> None:
    argv = ["-p", FACE, "-c", str(tiny_model), "-o", str(tmp_path / "txt"), "-v", "2", "--ddim-steps", "2"]
    assert [translate.run("txt2img", argv), translate.run("txt2img", [*argv, "--hw", "32", "16"])] == [0, 0]
    assert len(list((tmp_path / "txt" / "run1" / "samples").iterdir())) == 2
    assert yaml.safe_load((tmp_path / "txt" / "run1" / "args.yaml").read_text())["variations"] == "2"
    assert (facts(tmp_path / "txt" / "run2")["height"], facts(tmp_path / "txt" / "run2")["guidance_scale"]) == (32, 7.5)
    astronaut.save(tmp_path / "me.png")
    argv = ["-p", FACE, "-c", str(tiny_model), "-o", str(tmp_path / "img"), "-i", str(tmp_path / "me.png"), "-s", "0.1"]
    assert translate.run("img2img", argv) == 0
    told = facts(tmp_path / "img" / "run1")
    assert (told["strength"], told["guidance_scale"], told["num_inference_steps"]) == (0.1, 5.0, 50)


def test_test_model_draws_every_prompt_from_three_seeds(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text(f"{FACE}\na portrait of a face\n")
    words = ["--prompts", tmp_path / "prompts.txt", "--out", tmp_path / "samples", "--model", tiny_model]
    assert test_model.main([*map(str, words), "--num", "1", "--steps", "2", "--size", "model"]) == 0
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        f"{prompt}-{seed}" for prompt in ("a-photo-of-a-face", "a-portrait-of-a-face") for seed in (111, 222, 333)
    ]
    assert facts(tmp_path / "samples" / "a-photo-of-a-face-222")["seed"] == 222


def test_a_device_is_chosen_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert translate.run("txt2img", ["-p", FACE, "-d", "1"]) == 2
    assert "--device 1: the fastest device there is draws; choose by CUDA_VISIBLE_DEVICES" in capsys.readouterr().err
