"""Names on the Hugging Face hub, without a network: the cache, and the message."""

import shutil
from pathlib import Path

import pytest

from ldm.weights.hub import hub_folder, is_hub_name
from ldm.weights.read import read_model


def test_a_name_is_one_only_where_nothing_on_the_disk_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").mkdir()
    assert is_hub_name("CompVis/stable-diffusion-v1-4")
    assert is_hub_name(Path("CompVis/stable-diffusion-v1-4"))
    for word in ("weights/sd", "sd", "/sd/a", "./sd", "a/b/c", "../sd", "CompVis/model.ckpt", "runwayml/a b"):
        assert not is_hub_name(word), word


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import huggingface_hub.constants
    from diffusers.pipelines import pipeline_utils

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(pipeline_utils, "HF_HUB_OFFLINE", True, raising=False)
    return tmp_path / "hub"


def test_a_model_in_the_cache_is_taken_without_a_network(cache: Path, tiny_model: Path) -> None:
    folder = cache / "models--someone--tiny"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    shutil.copytree(tiny_model, folder / "snapshots" / "abc")
    assert hub_folder("someone/tiny") == folder / "snapshots" / "abc"
    assert read_model("someone/tiny").sample_size_px == 16


def test_without_a_network_it_is_said_what_to_do(cache: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"no model at nobody/nothing; taken for a name on the Hugging Face hub, .*Without a ne"
    ):
        read_model("nobody/nothing")
