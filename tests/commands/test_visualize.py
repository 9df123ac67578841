"""`python -m ldm visualize`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ldm.__main__ import main

STEPS = ("--steps", 2)


def visualize(*words: Any, fails: bool = False) -> None:
    with pytest.raises(SystemExit) as left:
        main(["visualize", "basis", *map(str, words)])
    assert (left.value.code != 0) == fails


def refused(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    visualize(*words, fails=True)
    [error] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return error.removeprefix("error: ")


@pytest.fixture(scope="module")
def drawn(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("basis")
    visualize("--run", tiny_run, "--components", 3, "--out", out, "--guidance", 2, *STEPS)
    return out


def cells(path: Path, rows: int, side: int = 16, gap: int = 2) -> np.ndarray:
    """(rows, 7, side, side, 3) pictures of a sheet."""
    sheet = np.asarray(Image.open(path))[-rows * (side + gap) :, -7 * (side + gap) :]
    return sheet.reshape(rows, side + gap, 7, side + gap, 3)[:, :side, :, :side].swapaxes(1, 2)


def test_a_row_a_component_and_the_mean_in_the_middle(drawn: Path) -> None:
    pictures = cells(drawn / "components.png", 3)
    for row in pictures:
        assert np.array_equal(row[3], pictures[0, 3]), "the mean is the same in all rows"
        assert len({picture.tobytes() for picture in row}) > 1
    assert len({row.tobytes() for row in pictures}) == 3


def test_settings_say_what_was_drawn(drawn: Path, tiny_run: Path, tiny_model: Path) -> None:
    assert sorted(path.name for path in drawn.iterdir()) == ["components.png", "settings.json", "spectrum.png"]
    said = json.loads((drawn / "settings.json").read_text())
    assert (said["run"], said["model"], said["step"]) == (tiny_run.name, str(tiny_model), 5)
    assert (said["seed"], said["num_inference_steps"], said["guidance_scale"]) == (42, 2, 2)
    assert (said["prompt"], said["vector"], said["multiples"]) == ("a photo of sks", "all", [-3, -2, -1, 0, 1, 2, 3])
    [basis] = (tiny_run / "checkpoints").glob("basis-*.safetensors")
    assert basis.stem == f"basis-{said['basis']}"
    assert [len(said["components"]), len(said["components"][0]["sigma"])] == [3, 2]
    assert said["components"][0]["share"][0] > said["components"][1]["share"][0] > 0
    with Image.open(drawn / "components.png") as picture:
        assert json.loads(picture.text["ldm"])["basis"] == said["basis"]


def test_without_a_run_it_makes_the_basis_of_the_models_names(
    tiny_model: Path, drawn: Path, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    options = ["--components", 3, "--guidance", 2, "--vector", 2, *STEPS]
    visualize("--sd", tiny_model, "--out", tmp_path, "--prompt", "a photo of <sks>", *options)
    said, other = (json.loads((folder / "settings.json").read_text()) for folder in (tmp_path, drawn))
    assert (said["basis"], said["components"]) == (other["basis"], other["components"])
    assert (said["model"], said["vector"]) == (str(tiny_model), 2)
    one, all_vectors = cells(tmp_path / "components_vector-2.png", 3), cells(drawn / "components.png", 3)
    assert np.array_equal(one[0, 3], all_vectors[0, 3])
    assert not np.array_equal(one[0], all_vectors[0])


def test_what_the_basis_has_not(tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--run", tiny_run, "--out", tmp_path)
    assert "99 components asked for, but the basis has 1" in refused(capsys, *given, "--components", 99)
    assert "vector 3 asked for, but a person has 2 on this basis" in refused(capsys, *given, "--vector", 3)
    assert list(tmp_path.iterdir()) == []


def test_a_prompt_that_names_nobody(tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--run", tiny_run, "--out", tmp_path, "--prompt")
    assert refused(capsys, *given, "a photo").startswith("no prompt mentions a placeholder ('sks')")
    message = refused(capsys, *given, "a photo of sks and ks")
    assert "asks for 'ks', person 2, but the number of people given is 1" in message


def test_neither_a_run_nor_weights(tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give --run logs/RUN, or --sd WEIGHTS" in refused(capsys, "--out", tmp_path)
    message = refused(capsys, "--out", tmp_path, "--sd", tiny_model, "--step", 3)
    assert message == "--step belongs to a run: give --run logs/RUN"


def test_a_config_without_a_basis(
    tmp_path: Path, tiny_model: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = root / "configs" / "embedded" / "unet.yaml"
    message = refused(capsys, "--out", tmp_path, "--sd", tiny_model, "--config", config)
    assert message.startswith(f"{config} has no people on a celeb basis (EmbeddingManagerId): take configs/stable-")
