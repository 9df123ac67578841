"""Cells of the studies of methods are kept for those who judged them."""

from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.studies.methods import run
from ldm.runs.claim import claim
from tests.evaluation.test_methods_study import request_for


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "sd.safetensors").write_bytes(b"1")
    return tmp_path / "sd.safetensors"


def test_cells_that_another_network_judged_are_not_taken(tmp_path: Path, weights: Path) -> None:
    net, clip = tmp_path / "net.onnx", tmp_path / "clip"
    net.write_bytes(b"1")
    clip.mkdir()
    asked = replace(request_for(tmp_path, weights), judge=f"{net}:raw", clip=clip)
    claim(tmp_path, asked.settings())
    claim(tmp_path, asked.settings())
    with pytest.raises(ValueError, match=r"judge: net.onnx:raw \w+ is now net.onnx:imagenet \w+"):
        claim(tmp_path, replace(asked, judge=f"{net}:imagenet").settings())
    net.write_bytes(b"2")
    (clip / "model.safetensors").touch()
    with pytest.raises(ValueError, match=r"judge: net.onnx:raw \w+ is now net.onnx:raw \w+, clip: clip \w+ is now"):
        claim(tmp_path, asked.settings())


def test_cells_whose_prompts_another_celeba_judged_are_not_taken(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "attributes_by", lambda celeba: celeba and celeba.name)
    asked = replace(request_for(tmp_path, weights), celeba=Path("one"))
    claim(tmp_path, asked.settings())
    with pytest.raises(ValueError, match="attributes: one is now other"):
        claim(tmp_path, replace(asked, celeba=Path("other")).settings())
