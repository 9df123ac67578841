"""Judges by name, and their measured constants."""

import json
from pathlib import Path

import pytest

from evaluation.judges import load_judge, strangers_percentile
from ldm.faces.insightface_pack import PackError
from tests.conftest import needs_shared


@pytest.fixture
def table(tmp_path: Path) -> Path:
    sides = {"64": {"p5": -0.1}, "128": {"p5": -0.2}, "216": {"p5": -0.3}}
    (tmp_path / "strangers.json").write_text(json.dumps({"judges": {"colours": sides}}))
    return tmp_path / "strangers.json"


@pytest.mark.parametrize(("side", "p5"), [(None, -0.3), (32, -0.1), (64, -0.1), (100, -0.1), (128, -0.2), (512, -0.3)])
def test_the_constant_of_the_size_in_use(colour_judge, table: Path, side: int | None, p5: float) -> None:
    assert strangers_percentile(colour_judge, side, table) == p5


def test_an_unmeasured_judge_says_how_to_measure(colour_judge) -> None:
    with pytest.raises(LookupError, match=r"colours has no measured percentile .* ldm study strangers --photos"):
        strangers_percentile(colour_judge)


def test_a_judge_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file .*net\.onnx"):
        load_judge(f"{tmp_path}/net.onnx:imagenet")


def test_an_unknown_preprocessing(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    with pytest.raises(ValueError, match="one of raw, centred, imagenet, not 'magenta'"):
        load_judge(f"{tmp_path}/net.onnx:magenta")


def test_an_unknown_judge_is_told_what_kinds_there_are() -> None:
    with pytest.raises(PackError) as refused:
        load_judge("fred")
    said = str(refused.value)
    for kind in ("judge fred:", "yunet-sface", "dlib", "glint360k", "FILE.onnx:PREPROCESSING", "no insightface pack"):
        assert kind in said


@needs_shared
def test_another_network_by_its_file(shared_data: Path, astronaut) -> None:
    judge = load_judge(f"{shared_data}/face/mobilefacenet_foamliu.onnx:imagenet")
    assert judge.name == "yunet+mobilefacenet_foamliu"
    assert judge.vector(astronaut).shape == (128,)
    assert strangers_percentile(judge, 64) < -0.05
