"""Writing models: from every form to every other, bit by bit, and readable by diffusers itself."""

import shutil
from pathlib import Path

import pytest
import torch

from ldm.weights.compvis import read_tokenizer
from ldm.weights.modelspec import tensor_hash
from ldm.weights.read import Parts, read_model
from ldm.weights.single import write_model
from ldm.weights.tensors import read_tensors
from tests.weights.pictures import picture, pipeline


def same(one: Parts, two: Parts) -> bool:
    pairs = [(one.networks()[name].state_dict(), two.networks()[name].state_dict()) for name in one.networks()]
    return all(a.keys() == b.keys() and all(a[k].equal(b[k]) and a[k].dtype == b[k].dtype for k in a) for a, b in pairs)


def test_a_single_file_through_a_folder_and_back_is_the_same_bit_by_bit(
    single: Path, small: Path, like: Path, tmp_path: Path
) -> None:
    folder = read_model(small, None)
    assert same(folder, read_model(single, None, like=like))
    for name in ("again.ckpt", "again.safetensors"):
        again = read_tensors(write_model(tmp_path / name, folder)).tensors
        given = {
            key: t for key, t in read_tensors(single).tensors.items() if not key.startswith(("model_ema", "betas"))
        }
        assert again.keys() == given.keys()
        assert all(again[key].equal(given[key]) and again[key].dtype == given[key].dtype for key in given)


def test_the_folder_is_one_that_diffusers_draws_with(small: Path, single: Path, like: Path, tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline

    ours = pipeline(small)
    path = write_model(tmp_path / "a.safetensors", read_model(single, None, like=like))
    theirs = StableDiffusionPipeline.from_single_file(path, config=str(small), local_files_only=True)
    theirs.set_progress_bar_config(disable=True)
    assert len(ours.tokenizer) == 49408
    assert (picture(ours) == picture(theirs)).all()


def test_what_describes_a_single_file_comes_along_with_it(single: Path, like: Path, tmp_path: Path) -> None:
    """Nothing of Stable Diffusion 1.x stands beside the words of another model."""
    own = Path(shutil.copytree(like, tmp_path / "like"))
    read_tokenizer(own).save_pretrained(own / "tokenizer")
    for name in ("vocab.json", "merges.txt"):
        (own / "tokenizer" / name).unlink(missing_ok=True)
    (own / "defaults.yaml").write_text("guidance_scale: 3.0\nceleb_txt: names.txt\nsample_size_px: 32\n")
    (own / "names.txt").write_text("Ann Lee\n")
    parts = read_model(single, None, like=own)
    assert parts.celeb_txt() == own / "names.txt"
    folder = write_model(tmp_path / "folder", parts)
    words = {path.name for path in (folder / "tokenizer").iterdir()}
    assert words == {path.name for path in (own / "tokenizer").iterdir()}
    assert "vocab.json" not in words
    assert (folder / "defaults.yaml").read_bytes() == (own / "defaults.yaml").read_bytes()
    assert read_model(folder).sample_size_px == parts.sample_size_px == 32


def test_half_is_half(single: Path, like: Path, tmp_path: Path) -> None:
    parts = read_model(single, None, like=like)
    half = read_tensors(write_model(tmp_path / "half.safetensors", parts, torch.float16))
    assert {tensor.dtype for tensor in half.tensors.values()} == {torch.float16}
    assert parts.unet.dtype == torch.float32, "what is in memory stays"
    folder = write_model(tmp_path / "half", parts, torch.float16)
    assert same(read_model(folder, None), read_model(tmp_path / "half.safetensors", None, like=like))


def test_it_says_what_it_is(single: Path, like: Path, tmp_path: Path) -> None:
    path = write_model(tmp_path / "my model.safetensors", read_model(single, None, like=like))
    told = read_tensors(path).metadata
    assert told["modelspec.title"] == "my model"
    assert told["modelspec.resolution"] == "16x16"
    assert told["modelspec.hash_sha256"] == f"0x{tensor_hash(path)}"


def test_a_name_that_says_nothing_is_refused(single: Path, like: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"model\.bin: a model is written to NAME\.safetensors, NAME\.ckpt or a folder"
    ):
        write_model(tmp_path / "model.bin", read_model(single, None, like=like))


def test_a_model_that_a_single_file_cannot_hold_is_refused_and_nothing_is_left(
    tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        ValueError, match=r"CompVis's layout has no place for \d+ weights of this model, first unet\.add"
    ):
        write_model(tmp_path / "tiny.safetensors", read_model(tiny_model))
    assert list(tmp_path.iterdir()) == []
