"""What stands for the things that results are made of."""

from pathlib import Path

import pytest

from evaluation.studies import made_of
from evaluation.studies.made_of import attributes_by, config_digest, digest, judged_by, run_files
from ldm.config import ConfigError


def test_cells_of_other_weights_or_configs_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "a.bin").write_text("1")
    (tmp_path / "b.yaml").write_text("1")
    before, config = digest(tmp_path), digest(tmp_path, ("b.yaml",))
    (tmp_path / "unet" / "a.bin").write_text("2")
    assert digest(tmp_path) != before
    assert digest(tmp_path, ("b.yaml",)) == config
    assert digest(tmp_path / "unet" / "a.bin") != digest(tmp_path / "b.yaml"), "a single file of weights"


def test_a_config_is_what_it_and_its_base_say(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("a: 1")
    config = tmp_path / "config.yaml"
    config.write_text("base: base.yaml\nb: 2")
    before = config_digest(config)
    config.write_text("# said again\nb: 2\nbase: base.yaml")
    assert config_digest(config) == before
    (tmp_path / "base.yaml").write_text("a: 2")
    assert config_digest(config) != before
    with pytest.raises(ConfigError, match=r"confg\.yaml: no such file \(did you mean 'config\.yaml'"):
        config_digest(tmp_path / "confg.yaml")


def test_a_run_is_what_it_exported_at_the_step(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/x-project.yaml").touch()
    (tmp_path / "checkpoints").mkdir()
    for step in (9, 19):
        (tmp_path / f"checkpoints/lora_gs-{step}.safetensors").write_text(str(step))
    last = run_files(tmp_path)
    assert len(last) == 1
    assert last == run_files(tmp_path, 19) != run_files(tmp_path, 9)
    (tmp_path / "checkpoints/lora_gs-19.safetensors").write_text("trained anew")
    assert run_files(tmp_path) != last
    assert run_files(None) == []


def test_a_judge_is_its_network_and_how_it_takes_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = tmp_path / "net.onnx"
    net.write_bytes(b"1")
    said = judged_by(f"{net}:imagenet")
    assert said.startswith("net.onnx:imagenet ")
    assert said != judged_by(f"{net}:raw")
    net.write_bytes(b"2")
    assert said != judged_by(f"{net}:imagenet")
    assert judged_by("yunet-sface") == "yunet-sface"
    monkeypatch.setattr(made_of, "attribute_file", lambda _celeba, names: net)
    before = attributes_by(tmp_path)
    net.write_bytes(b"3")
    assert attributes_by(tmp_path) != before
    assert attributes_by(None) is None
