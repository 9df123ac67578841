"""`generate` led by a ControlNet: a model, a LoRA, a person; every kind of control picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.models.diffusion.ddpm import LatentDiffusion
from ldm.modules.artifacts import write_artifact
from ldm.modules.controlnet import new_controlnet
from ldm.modules.lora import LoraAdapter
from ldm.randomness import generator
from tests.commands.generating import generate, pixels, refused, samples

FACE = "a photo of a face"


def plain(model: Path, out: Path, *words: Any, prompt: str = FACE) -> Path:
    generate("--sd", model, "--prompt", prompt, "--n", 1, "--out", out, *words)
    return samples(out)[0]


def apart(one: Path, other: Path) -> int:
    return int(np.abs(pixels(one) - pixels(other)).max())


@pytest.fixture
def lora(tmp_path: Path, tiny_model: Path) -> Path:
    """A LoRA with an effect."""
    model, adapter = LatentDiffusion(tiny_model), LoraAdapter(rank=2)
    adapter.attach(model.unet, model.cond_stage_model.transformer)
    [artifact] = adapter.export()
    for number, tensor in enumerate(artifact.tensors.values()):
        tensor.copy_(torch.randn(tensor.shape, generator=generator(number, "lora")) * 0.3)
    return write_artifact(tmp_path / "lora.safetensors", artifact)


@pytest.fixture(scope="module")
def controlnet(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A ControlNet with an effect."""
    network = new_controlnet(LatentDiffusion(tiny_model).unet)
    parts = (*network.controlnet_down_blocks, network.controlnet_mid_block, network.controlnet_cond_embedding.conv_out)
    for number, part in enumerate(parts):
        torch.nn.init.normal_(part.weight, std=0.3, generator=generator(number, "awake"))
    folder = tmp_path_factory.mktemp("controlnet")
    network.save_pretrained(folder)
    return folder


@pytest.fixture
def photo(tmp_path: Path, astronaut: Image.Image) -> Path:
    astronaut.save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_controlnet_guides_a_model_a_lora_and_a_person(
    tiny_model: Path, tiny_run: Path, tmp_path: Path, controlnet: Path, photo: Path, lora: Path
) -> None:
    canny = ("--controlnet", controlnet, "--control", "canny", "--control-image", photo)
    plainly = plain(tiny_model, tmp_path / "plain")
    assert apart(plain(tiny_model, tmp_path / "canny", *canny), plainly) > 5
    assert apart(plain(tiny_model, tmp_path / "0", *canny, "--control-scale", 0), plainly) <= 1
    words = ("--lora", lora)
    assert apart(plain(tiny_model, tmp_path / "lora", *words), plain(tiny_model, tmp_path / "both", *words, *canny)) > 5
    for name, more in (("person", ()), ("guided", canny)):
        generate("--run", tiny_run, "--prompt", "a photo of sks", "--n", 1, "--out", tmp_path / name, *more)
    person, guided = (samples(tmp_path / name)[0] for name in ("person", "guided"))
    assert apart(person, guided) > 5
    facts = json.loads(Image.open(guided).info["ldm"])
    assert (facts["control"], facts["control_image"], facts["control_scale"]) == ("canny", "photo.png", 1.0)
    assert len(facts["control_image_sha256"]) == 64


def test_control_pictures_of_every_kind(tiny_model: Path, tmp_path: Path, controlnet: Path, photo: Path) -> None:
    Image.new("RGB", (16, 16), "grey").save(tmp_path / "given.png")
    kinds = [("canny", photo), ("landmarks", photo), ("depth", tmp_path / "given.png"), (tmp_path / "given.png", None)]
    drawn = []
    for number, (kind, image) in enumerate(kinds):
        words = ("--controlnet", controlnet, "--control", kind, *(("--control-image", image) if image else ()))
        drawn.append(plain(tiny_model, tmp_path / str(number), *words))
    assert apart(drawn[0], drawn[1]) > 0
    assert apart(drawn[2], drawn[3]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--control", "canny"], "--control canny needs a photo: give --control-image FILE"),
        (["--control", "depth"], "--control depth needs a picture of depth, of 16 x 16: give --control-image FILE"),
        (["--control", "scribble"], "--control scribble: there are canny, landmarks, depth, openpose, or the file of a "
         "control picture"),
        (["--control", "photo.png"], "the control picture photo.png is 512 x 512, but 16 x 16 are drawn: make it that "
         "large, or draw with --hw 512x512"),
        (["--control", "landmarks", "--control-image", "grey.png"], "grey.png shows no face, of which landmarks could "
         "be made: take --control canny"),
        ([], "--controlnet is shown something: give --control canny, depth, openpose, landmarks or FILE"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown(
    capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path, controlnet: Path, photo: Path,
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (128, 128), "grey").save("grey.png")
    common = ("--sd", tiny_model, "--prompt", FACE, "--out", tmp_path / "out", "--controlnet", controlnet)
    assert refused(capsys, *common, *words) == said
