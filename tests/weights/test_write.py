from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from ldm.weights.read import Parts, read_model
from ldm.weights.write import copied, write_diffusers


def write(parts: Parts, folder: Path, **options: object) -> list[Path]:
    return write_diffusers(
        folder, **parts.networks(), tokenizer=parts.tokenizer, scheduler=parts.scheduler,
        beside=parts.folder, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def parts(tiny_model: Path) -> Parts:
    return read_model(tiny_model)


def test_what_is_written_is_read_again(parts: Parts, tmp_path: Path) -> None:
    files = write(parts, tmp_path / "new", dtype=torch.float32)
    assert all(file.suffix == ".safetensors" for file in files)
    again = read_model(tmp_path / "new")
    for name, network in parts.networks().items():
        for key, value in again.networks()[name].state_dict().items():
            assert value.equal(network.state_dict()[key]), key
    assert again.defaults == parts.defaults
    assert again.tokenizer("a photo of sks")["input_ids"] == parts.tokenizer("a photo of sks")["input_ids"]
    assert dict(again.scheduler.config) == dict(parts.scheduler.config)


def test_diffusers_reads_it(parts: Parts, tmp_path: Path) -> None:
    write(parts, tmp_path)
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path, local_files_only=True)
    assert type(pipeline.scheduler).__name__ == "DDPMScheduler"


def test_files_that_old_readers_want_come_along(parts: Parts, tmp_path: Path) -> None:
    write(parts, tmp_path)
    for name in ("tokenizer/vocab.json", "tokenizer/merges.txt", "defaults.yaml", "names.txt"):
        assert (tmp_path / name).read_bytes() == (parts.folder / name).read_bytes()


def test_half_precision_is_written_and_memory_left_alone(parts: Parts, tmp_path: Path) -> None:
    before = {key: value.clone() for key, value in parts.unet.state_dict().items()}
    for file in write(parts, tmp_path):
        assert {value.dtype for value in load_file(file).values()} - {torch.int64} == {torch.float16}
    assert all(value.equal(before[key]) for key, value in parts.unet.state_dict().items())


def test_shards_stay_below_their_size_and_old_ones_go(parts: Parts, tmp_path: Path) -> None:
    sharded = write(parts, tmp_path, max_shard_size="20KB")
    assert len([file for file in sharded if file.parent.name == "unet"]) > 1
    read_model(tmp_path)
    whole = write(parts, tmp_path)
    assert len(whole) == 3
    assert not list(tmp_path.glob("*/*.index.json")), "an index of shards that are gone would be read first"
    read_model(tmp_path)


def test_a_write_that_fails_leaves_the_old_model(parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(parts, tmp_path / "model")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(type(parts.text_encoder), "save_pretrained", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write(parts, tmp_path / "model", dtype=torch.float32)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("name", ["unet", "vae", "text_encoder"])
def test_a_copy_has_no_gradients_and_leaves_the_network_alone(parts: Parts, name: str) -> None:
    network = parts.networks()[name]
    weight = next(network.parameters())
    was_trained, weight.requires_grad, weight.grad = weight.requires_grad, True, torch.ones_like(weight)
    copy = copied(network, torch.float16)
    assert weight.grad is not None
    assert {(p.dtype, p.requires_grad, p.grad) for p in copy.parameters()} == {(torch.float16, False, None)}
    for key, value in network.state_dict().items():
        torch.testing.assert_close(copy.state_dict()[key].to(value), value.half().to(value), atol=0, rtol=0)
    weight.grad, weight.requires_grad = None, was_trained


def test_a_config_does_not_say_where_its_network_once_lay(parts: Parts, tmp_path: Path) -> None:
    write(parts, tmp_path)
    assert "_name_or_path" in parts.unet.config
    assert not [path for path in tmp_path.glob("*/config.json") if "_name_or_path" in path.read_text()]
