"""What a user is told to type after a training."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from ldm.config import load_config
from ldm.modules.artifacts import write_artifact
from ldm.modules.personalization import Artifact
from ldm.runs.folder import RunFolder
from ldm.runs.next_step import next_step
from tests.commands.generating import generate, samples
from tests.tiny_model import aligned_photos, train_people


def run_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, logs: str = "logs") -> RunFolder:
    monkeypatch.chdir(tmp_path)
    run = RunFolder(Path(logs) / "mine", "mine")
    run.checkpoints.mkdir(parents=True)
    (run.checkpoints / file).touch()
    return run


def config_of(root: Path, name: str) -> DictConfig:
    return load_config([root / "configs" / "stable-diffusion" / f"{name}.yaml"])


@pytest.mark.parametrize(
    ("name", "file", "command"),
    [
        ("lora", "lora_gs-3.safetensors", ["generate", "--run", "mine", "--prompt", "a photo of sks person"]),
        ("textual_inversion", "sks_gs-3.safetensors", ["generate", "--run", "mine", "--prompt", "a photo of sks"]),
        ("style", "model_gs-3", ["generate", "--run", "mine", "--prompt", "a photo of a person"]),
        (
            "controlnet",
            "controlnet_gs-3",
            ["generate", "--sd", "weights/embedded", "--prompt", "a photo of a face", "--controlnet", "logs/mine",
             "--control", "canny", "--control-image", "PHOTO"],
        ),
    ],
)  # fmt: skip
def test_other_methods_are_drawn_by_generate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path, name: str, file: str, command: list[str]
) -> None:
    config = config_of(root, name)
    told = next_step(run_with(tmp_path, monkeypatch, file), config)
    assert told is not None
    assert shlex.split(told) == ["python", "-m", "ldm", *command]


SCRIPT = "bash 02_start_test.sh weights/embedded infer_images/example_prompt.txt 'else where/mine'"


@pytest.mark.parametrize(
    ("people", "command"),
    [
        ([0, 1], SCRIPT),
        (None, SCRIPT),  # a run of `test_mode: image` has layers instead of people
        ([3], "python -m ldm generate --run 'else where/mine' --prompt 'a photo of tok'"),
    ],
)
def test_people_are_drawn_by_the_third_script_and_one_alone_without_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path, people: list[int] | None, command: str
) -> None:
    config = config_of(root, "celeb_basis")
    run = run_with(tmp_path, monkeypatch, "embeddings_gs-3.pt", "else where")
    tensors = {"head.weight": torch.zeros(2)} if people is None else {"ids": torch.tensor(people)}
    exported = Artifact("embeddings", tensors, {"placeholder_strings": '["tok", "ks"]'})
    write_artifact(run.checkpoints / "embeddings_gs-3.safetensors", exported)
    assert next_step(run, config) == command


@pytest.mark.slow
def test_what_is_told_draws_somebody_alone(tmp_path: Path, tiny_model: Path, root: Path) -> None:
    manifest = aligned_photos(tmp_path / "people")
    manifest.write_text(manifest.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    run = RunFolder.open(train_people(tiny_model, manifest, tmp_path / "logs"))
    told = next_step(run, config_of(root, "celeb_basis"))
    assert told is not None
    *python, command = shlex.split(told)[:4]
    assert (python, command) == (["python", "-m", "ldm"], "generate")
    generate(*shlex.split(told)[4:], "--out", tmp_path / "out", "--n", 1, "--steps", 1)
    assert len(samples(tmp_path / "out", prompt="a photo of sks")) == 1


@pytest.mark.parametrize(
    ("changes", "prompt"),
    [
        ({"lightning": {"callbacks": {"previews": {"params": {"prompts": [], "prompts_file": "p.txt"}}}}}, "of a file"),
        ({"lightning": {"callbacks": None}}, None),
        ({"lightning": {"callbacks": None}, "data": {"params": {"train": {"params": {"instance_prompt": "a cat"}}}}},
         "a cat"),
    ],
    ids=["file", "neither", "pictures"],
)  # fmt: skip
def test_the_prompt_is_one_that_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path, changes: dict[str, Any], prompt: str | None
) -> None:
    config = config_of(root, "lora")
    (tmp_path / "p.txt").write_text("# looks\nof a file\nanother\n")
    told = next_step(run_with(tmp_path, monkeypatch, "lora_gs-3.safetensors"), OmegaConf.merge(config, changes))
    assert (shlex.split(told)[-1] if told else None) == prompt


def test_a_first_stage_draws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    config = load_config([root / "configs" / "autoencoder" / "faces-kl-f8.yaml"])
    assert next_step(run_with(tmp_path, monkeypatch, "vae_gs-3"), config) is None
