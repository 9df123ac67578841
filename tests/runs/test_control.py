"""Which ControlNet is meant."""

from pathlib import Path

import pytest

from ldm.runs.control import controlnet_folder


def test_a_folder_or_the_last_one_of_a_run(tmp_path: Path) -> None:
    assert controlnet_folder(tmp_path) == tmp_path
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "x-project.yaml").touch()
    (tmp_path / "checkpoints" / "embeddings_gs-9.safetensors").parent.mkdir()
    (tmp_path / "checkpoints" / "embeddings_gs-9.safetensors").touch()
    with pytest.raises(FileNotFoundError, match="has trained no ControlNet"):
        controlnet_folder(tmp_path)
    for step in (3, 12):
        (tmp_path / "checkpoints" / f"controlnet_gs-{step}").mkdir()
    assert controlnet_folder(tmp_path).name == "controlnet_gs-12"


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"^there is no ControlNet at \S+none: give the folder of a diffusers Co"
    ):
        controlnet_folder(tmp_path / "none")
