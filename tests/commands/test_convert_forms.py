"""`python -m ldm convert`: what is typed, what comes out, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ldm.__main__ import main
from ldm.weights.compvis import average_of
from ldm.weights.read import read_model
from ldm.weights.tensors import read_tensors
from tests.weights.sd1_files import small_configs, write_single

NAME = "model.diffusion_model.input_blocks.0.0.weight"


def convert(*words: Any, fails: bool = False) -> None:
    with pytest.raises(SystemExit) as left:
        main(["convert", *map(str, words)])
    assert (left.value.code != 0) == fails


@pytest.fixture(scope="module")
def like(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_configs(tmp_path_factory.mktemp("convert") / "like")


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, like: Path) -> Path:
    return write_single(tmp_path_factory.mktemp("convert") / "sd.ckpt", like, ema=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, single: Path, like: Path) -> Path:
    out = tmp_path_factory.mktemp("convert") / "folder"
    convert(single, out, "--like", like)
    return out


def test_in_and_out_are_enough(single: Path, folder: Path, tmp_path: Path) -> None:
    """What IN is, is found out; a folder knows its own architecture."""
    given = read_tensors(single).tensors
    convert(folder, tmp_path / "again.safetensors", "--half")
    again = load_file(tmp_path / "again.safetensors")
    assert all(again[name].equal(given[name].half()) for name in again)
    assert len(again) > 300


def test_averages_and_another_vae(single: Path, folder: Path, like: Path, tmp_path: Path) -> None:
    parts = read_model(folder, None)
    vae = {name: tensor * 2 for name, tensor in parts.vae.state_dict().items()}
    save_file(vae, tmp_path / "vae.safetensors")
    convert("model", single, tmp_path / "a.ckpt", "--ema", "--like", like, "--vae", tmp_path / "vae.safetensors")
    given, got = read_tensors(single).tensors, read_tensors(tmp_path / "a.ckpt").tensors
    assert got[NAME].equal(given[average_of(NAME)])
    assert got["first_stage_model.quant_conv.weight"].equal(given["first_stage_model.quant_conv.weight"] * 2)


def test_a_lora_goes_to_the_other_form(folder: Path, tmp_path: Path) -> None:
    layer = "unet.mid_block.attentions.0.proj_in"
    tensors = {f"{layer}.lora_A.weight": torch.randn(2, 64, 1, 1), f"{layer}.lora_B.weight": torch.randn(64, 2, 1, 1)}
    save_file(tensors, tmp_path / "a.safetensors")
    convert(tmp_path / "a.safetensors", tmp_path / "b.safetensors", "--like", folder)
    convert("lora", tmp_path / "b.safetensors", tmp_path / "c.safetensors", "--like", folder)
    assert "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight" in load_file(tmp_path / "b.safetensors")
    again = load_file(tmp_path / "c.safetensors")
    assert again.keys() == tensors.keys()
    assert all(again[name].equal(tensor) for name, tensor in tensors.items())

    convert("merge", folder, tmp_path / "merged", "--lora", tmp_path / "b.safetensors", "--scale", 0.5)
    before, after = (
        read_model(path, None).unet.mid_block.attentions[0].proj_in.weight for path in (folder, tmp_path / "merged")
    )
    change = torch.einsum(
        "or,ri->oi", tensors[f"{layer}.lora_B.weight"].flatten(1), tensors[f"{layer}.lora_A.weight"].flatten(1)
    )
    assert torch.allclose(after.flatten(1), before.flatten(1) + 0.5 * change, atol=1e-6)

    convert("extract-lora", folder, tmp_path / "merged", tmp_path / "d.safetensors", "--rank", 2, "--to", "kohya")
    assert len(load_file(tmp_path / "d.safetensors")) == 3


def test_two_models_are_averaged(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    convert("merge", folder, folder, tmp_path / "both", "--alpha", 0.3)
    assert capsys.readouterr().out.strip() == str(tmp_path / "both")
    one, two = (read_model(path, None).unet.state_dict() for path in (folder, tmp_path / "both"))
    assert all(torch.allclose(one[name], two[name]) for name in one)


def test_an_embedding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"<cat>": torch.ones(2, 8)}, tmp_path / "a.safetensors")
    convert(tmp_path / "a.safetensors", tmp_path / "a.pt", "--token", "My Cat")
    assert capsys.readouterr().out.strip() == f"{tmp_path / 'a.pt'}: <my-cat>, 2 vector(s)"
    assert torch.load(tmp_path / "a.pt", weights_only=True)["name"] == "<my-cat>"
    torch.save({"string_to_param": {"*": torch.ones(1, 8)}, "name": "a/b"}, tmp_path / "a.b.pt")
    convert(tmp_path / "a.b.pt", tmp_path / "b.safetensors", "--token", "cat")
    assert list(load_file(tmp_path / "b.safetensors")) == ["<cat>"]


def test_what_a_file_is(single: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    convert("info", single, "--no-hash")
    assert "family: a Stable Diffusion 1.x\n" in capsys.readouterr().out
    convert("info", single, "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["ema"] is True
    assert len(told["sha256"]) == 64
    convert("prune", single, tmp_path / "a.safetensors", "--half")
    assert "tensors, " in capsys.readouterr().out


class Code:
    """Pickles to a call."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit('executed')",))


def test_bad_input(single: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": {"a": torch.ones(2)}, "x": Code()}, tmp_path / "evil.ckpt")
    save_file({"decoder.conv_in.weight": torch.zeros(4, 4, 3, 3)}, tmp_path / "vae.safetensors")
    save_file({"<cat>": torch.ones(2, 8)}, tmp_path / "cat.safetensors")
    for words, message in (
        ((tmp_path / "none.ckpt", tmp_path / "out"), "there is no "),
        ((tmp_path / "evil.ckpt", tmp_path / "out"), "it would call builtins.exec. It is not opened, and nothing"),
        (("info", tmp_path / "evil.ckpt"), "it would call builtins.exec"),
        ((tmp_path / "vae.safetensors", tmp_path / "out"), "vae.safetensors is a VAE: it has no other form here"),
        (
            ("model", tmp_path / "vae.safetensors", tmp_path / "out"),
            "is a VAE; a single file of Stable Diffusion 1.x is",
        ),
        (("model", single, tmp_path / "out"), "are not those of its architecture"),
        (("merge", folder, tmp_path / "out"), "merge takes A B OUT, or A OUT with --lora FILE"),
        (("lora", single, tmp_path / "a.ckpt"), "give OUT a name that ends in .safetensors"),
        (("embedding", tmp_path / "cat.safetensors", tmp_path / "a.bin"), "give OUT a name that ends in .safetensors"),
        ((folder, tmp_path / "a.bin"), "a model is written to NAME.safetensors, NAME.ckpt or a folder"),
        (("nonsense", "a"), "No such command 'nonsense'"),
    ):
        convert(*words, fails=True)
        said = " ".join(capsys.readouterr().err.replace("│", "").split())
        assert message in said
    assert not (tmp_path / "out").exists()
