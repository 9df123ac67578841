"""`generate` with LoRAs, learned words and folders of checkpoints."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.models.diffusion.export import save_model
from ldm.modules.lora import LoraAdapter
from ldm.randomness import generator
from tests.commands.generating import generate, pixels, refused, samples

FACE = "a photo of a face"


def plain(model: Path, out: Path, *words: Any, prompt: str = FACE) -> Path:
    generate("--sd", model, "--prompt", prompt, "--n", 1, "--out", out, *words)
    return samples(out)[0]


def apart(one: Path, other: Path) -> int:
    return int(np.abs(pixels(one) - pixels(other)).max())


@pytest.fixture(scope="module")
def loras(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A folder with one LoRA, in PEFT's form and with scale 2 in kohya's."""
    folder = tmp_path_factory.mktemp("loras")
    model = LatentDiffusion(tiny_model)
    adapter = LoraAdapter(rank=2, alpha=4, train_text_encoder=True)
    adapter.attach(model.unet, model.cond_stage_model.transformer)
    [artifact] = adapter.export()
    for number, tensor in enumerate(artifact.tensors.values()):
        tensor.copy_(torch.randn(tensor.shape, generator=generator(number, "lora")) * 0.3)
    save_file({key: tensor.contiguous() for key, tensor in artifact.tensors.items()}, folder / "peft.safetensors",
              artifact.metadata)  # fmt: skip
    kohya: dict[str, torch.Tensor] = {}
    for key, tensor in artifact.tensors.items():
        part, _, rest = key.partition(".")
        layer, _, which = rest.rpartition(".lora_")
        name = ("lora_unet_" if part == "unet" else "lora_te_") + layer.replace(".", "_")
        kohya[f"{name}.lora_{'down' if which.startswith('A') else 'up'}.weight"] = tensor.contiguous()
        kohya[f"{name}.alpha"] = torch.tensor(4.0)
    save_file(kohya, folder / "kohya.safetensors")
    return folder


def test_loras_of_both_forms_and_two_halves_make_a_whole(tiny_model: Path, tmp_path: Path, loras: Path) -> None:
    peft, kohya = loras / "peft.safetensors", loras / "kohya.safetensors"
    without = plain(tiny_model, tmp_path / "without")
    whole = plain(tiny_model, tmp_path / "peft", "--lora", peft)
    assert apart(whole, without) > 10
    assert apart(plain(tiny_model, tmp_path / "kohya", "--lora", kohya), whole) <= 1
    halves = ("--lora", f"{peft}:0.5", "--lora", f"{kohya}:0.5")
    assert apart(plain(tiny_model, tmp_path / "halves", *halves), whole) <= 1
    assert apart(plain(tiny_model, tmp_path / "none", "--lora", f"{peft}:0"), without) <= 1
    [told] = json.loads(Image.open(whole).info["ldm"])["loras"]
    assert (told["file"], told["weight"], len(told["sha256"])) == ("peft.safetensors", 1.0, 64)


def test_a_lora_on_a_runs_people(tiny_run: Path, tmp_path: Path, loras: Path) -> None:
    common = ("--run", tiny_run, "--prompt", "a photo of sks", "--n", 1, "--step", "1,5")
    generate(*common, "--out", tmp_path / "without")
    generate(*common, "--out", tmp_path / "with", "--lora", loras / "peft.safetensors")
    for step in (1, 5):
        [one], [other] = (samples(tmp_path / name, step=step) for name in ("without", "with"))
        assert apart(one, other) > 10


def test_a_lora_of_another_model(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tiny_model: Path, tmp_path: Path, loras: Path
) -> None:
    common = ("--sd", tiny_model, "--prompt", FACE, "--n", 1, "--out", tmp_path / "out")
    tensors = load_file(loras / "peft.safetensors")
    save_file({**tensors, "unet.nowhere.to_q.lora_A.weight": torch.zeros(2, 8)}, tmp_path / "more.safetensors")
    generate(*common, "--lora", tmp_path / "more.safetensors", fails=True)
    said = capsys.readouterr().err
    assert "more.safetensors: the LoRA is not all of this model: 1 of its" in said
    assert "unet.nowhere.to_q.lora_A.weight: unet has no such layer" in said
    assert "--ignore-unmatched lays on what fits" in said
    generate(*common, "--lora", tmp_path / "more.safetensors", "--ignore-unmatched")
    assert f"1 of {len(tensors) + 1} tensors do not fit this model and are left out" in caplog.text
    save_file({"unet.conv_in.lora_A.weight": torch.zeros(2, 320)}, tmp_path / "sd.safetensors")
    generate(*common, "--lora", tmp_path / "sd.safetensors", fails=True)
    assert "the LoRA is of another base model" in capsys.readouterr().err
    said = refused(capsys, *common, "--lora", "me.safetensors:strong")
    assert said == "--lora 'me.safetensors:strong': write FILE or FILE:WEIGHT, like me.safetensors:0.7"
    assert refused(capsys, *common, "--lora", tmp_path / "none.safetensors").startswith("there is no ")


def test_learned_words_of_three_forms(tiny_model: Path, tmp_path: Path) -> None:
    """Two vectors each; the word stands in the file, or is the file's name."""
    vectors = torch.randn(2, 32, generator=generator(1))
    save_file({"<you>": vectors}, tmp_path / "diffusers.safetensors")
    save_file({"emb_params": vectors}, tmp_path / "me.safetensors")
    torch.save({"string_to_token": {"*": 265}, "string_to_param": {"*": vectors}, "name": "her"}, tmp_path / "x.pt")
    files = (tmp_path / name for name in ("diffusers.safetensors", "me.safetensors", "x.pt"))
    words = [word for file in files for word in ("--embedding", file)]
    you, me, her = (
        plain(tiny_model, tmp_path / word, *words, prompt=f"a photo of <{word}>") for word in ("you", "me", "her")
    )
    assert apart(you, me) <= 1
    assert apart(you, her) <= 1
    assert apart(you, plain(tiny_model, tmp_path / "nobody", *words, prompt="a photo of a")) > 3
    assert set(json.loads(Image.open(you).info["ldm"])["embeddings"]) == {"<you>", "<me>", "<her>"}


def test_a_learned_word_beside_a_runs_people(tiny_run: Path, tmp_path: Path) -> None:
    save_file({"<you>": torch.randn(2, 32, generator=generator(1))}, tmp_path / "you.safetensors")
    common = ("--run", tiny_run, "--n", 1, "--embedding", tmp_path / "you.safetensors")
    both = [common, (*common, "--people", "1,0")]
    for number, words in enumerate(both):
        generate(*words, "--prompt", "sks and <you>", "--out", tmp_path / str(number))
    assert apart(samples(tmp_path / "0")[0], samples(tmp_path / "1")[0]) > 3, "sks is a person still"


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (
            {"<you>": torch.zeros(2, 768)},
            "holds token vectors of width 768, this model's have 32: it is of another",
        ),
        ({"clip_l": torch.zeros(1, 32), "clip_g": torch.zeros(1, 64)}, "is a textual inversion of Stable Diffusion XL"),
        ({"a": torch.zeros(1, 32), "b": torch.zeros(1, 32)}, "holds 2 words (a, b): one is needed"),
    ],
)
def test_words_that_cannot_be_learned(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path, tensors: Any, said: str
) -> None:
    save_file(tensors, tmp_path / "word.safetensors")
    words = ("--sd", tiny_model, "--prompt", FACE, "--out", tmp_path, "--embedding", tmp_path / "word.safetensors")
    assert said in refused(capsys, *words)


def test_every_checkpoint_of_a_folder_and_a_broken_one(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path
) -> None:
    """Both differ in their text encoder only: each reads the prompt anew."""
    models = tmp_path / "models"
    shutil.copytree(tiny_model, models / "model_gs-99")
    other = LatentDiffusion(tiny_model)
    with torch.no_grad():
        other.cond_stage_model.transformer.get_input_embeddings().weight.mul_(-1)
    save_model(other, models / "model_gs-199", torch.float32)
    (models / "i00150.ckpt").write_bytes(b"PK nothing of use")
    generate("--weights", models, "--prompt", FACE, "--n", 2, "--out", tmp_path / "out", fails=True)
    said = capsys.readouterr().err
    assert "left out, since they could not be read: i00150" in said
    first, last = (samples(tmp_path / "out", checkpoint=name) for name in ("model_gs-99", "model_gs-199"))
    assert len(first) == len(last) == 2
    assert apart(first[0], last[0]) > 3
    assert apart(first[0], plain(tiny_model, tmp_path / "alone")) <= 1
    sheet = Image.open(tmp_path / "out" / "checkpoints.png")
    assert sheet.height == 2 * 18
    assert json.loads(sheet.info["ldm"])["checkpoint"] == ["model_gs-99", "model_gs-199"]


def test_every_step_of_a_run(tiny_run: Path, tmp_path: Path) -> None:
    generate("--weights", tiny_run, "--prompt", "a photo of sks", "--n", 1, "--out", tmp_path)
    assert [json.loads(Image.open(path).info["ldm"])["step"] for path in samples(tmp_path)] == [1, 3, 5]
    assert Image.open(tmp_path / "checkpoints.png").height == 3 * 18


@pytest.mark.parametrize("more", [(), ("--run",)])
def test_people_of_every_step_of_a_run(tiny_run: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    """``--weights RUN`` is a run: --run may say so, and need not."""
    named = [word for option in more for word in (option, tiny_run)]
    words = ("--weights", tiny_run, *named, "--people", "1", "--prompt", "a photo of sks", "--n", 1, "--steps", 1)
    generate(*words, "--out", tmp_path)
    told = [json.loads(Image.open(path).info["ldm"]) for path in samples(tmp_path)]
    assert [(one["step"], one["people"]) for one in told] == [(step, ["sks=1"]) for step in (1, 3, 5)]


def test_folders_without_checkpoints(capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path) -> None:
    common = ("--prompt", FACE, "--out", tmp_path / "out")
    said = refused(capsys, *common, "--weights", tmp_path)
    assert "holds no checkpoint: neither a run's files, nor diffusers folders" in said
    assert refused(capsys, *common, "--weights", tmp_path / "none").startswith("there is no folder of checkpoints at")
    said = refused(capsys, *common, "--weights", tmp_path, "--sd", tiny_model)
    assert said == "--weights draws all checkpoints of a folder: leave out --sd and --step"
    (tmp_path / "bad.ckpt").write_bytes(b"PK nothing of use")
    assert "could be read: bad" in refused(capsys, *common, "--weights", tmp_path)
