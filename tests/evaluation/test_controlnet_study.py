"""The study of a ControlNet's obedience: what agreement means, which pictures are taken, what is written."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.studies import controlnet as study
from evaluation.studies.controlnet import Request, agreement, section, train, write_pictures
from ldm.data.control_images import canny
from ldm.data.store import PictureStore, write_store
from tests.conftest import ROOT


def squares(number: int) -> list[Image.Image]:
    """Squares at different places."""
    pictures = []
    for i in range(number):
        picture = Image.new("RGB", (48, 48), "black")
        picture.paste("white", (4 + 6 * i, 6, 20 + 6 * i, 30))
        pictures.append(picture)
    return pictures


def test_a_picture_agrees_with_its_own_edges_and_moved_ones_less() -> None:
    pictures = squares(4)
    matrix = agreement(pictures, [canny(one) for one in pictures])
    assert np.diag(matrix) == pytest.approx(1.0)
    assert matrix[0, 1] < 0.8
    assert matrix[0, 3] < matrix[0, 1]
    nothing = agreement([Image.new("RGB", (48, 48))], [canny(pictures[0])])
    assert nothing[0, 0] == 0


def test_pictures_of_training_and_of_other_people(tmp_path: Path) -> None:
    rows = [
        {"file": f"{i}.jpg", "source": "lfw", "split": "train" if i < 3 else "test", "name": f"N {i}"} for i in range(5)
    ]
    write_store(tmp_path / "store", zip(map(np.asarray, squares(5)), rows, strict=True), {"crop": "none"})
    tests = write_pictures(PictureStore(tmp_path / "store"), tmp_path / "out", 10, 2)
    assert len(tests) == 2
    lines = [json.loads(line) for line in (tmp_path / "out" / "metadata.jsonl").read_text().splitlines()]
    assert sorted(line["file_name"] for line in lines) == ["000000.png", "000001.png", "000002.png"]
    assert all(f"N {int(line['file_name'][:6])}" in line["text"] for line in lines)
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {line["file_name"] for line in lines}


def test_runs_on_other_weights_or_pictures_or_of_other_steps_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store(name: str, number: int) -> Path:
        splits = ["train"] * (number - 2) + ["test"] * 2
        rows = [{"file": f"{i}.jpg", "source": "lfw", "split": split} for i, split in enumerate(splits)]
        write_store(tmp_path / name, zip(map(np.asarray, squares(number)), rows, strict=True), {"crop": "none"})
        return tmp_path / name

    def train(*_: object) -> None:
        raise InterruptedError("claimed")

    monkeypatch.setattr(study, "train", train)
    weights = tmp_path / "net.safetensors"
    weights.write_bytes(b"1")
    asked = Request(weights, store("one", 5), tmp_path / "out", 3, 2, steps=7)
    for _ in range(2):
        with pytest.raises(InterruptedError, match="claimed"):
            study.run(asked)
    for changed, said in (
        (replace(asked, num_train=4), "train: 3 is now 4"),
        (replace(asked, batch_size=8), "batch_size: 16 is now 8"),
        (replace(asked, steps=6), "steps: 7 is now 6"),
        (replace(asked, pictures=store("two", 6)), r"pictures: \w+ is now \w+"),
    ):
        with pytest.raises(ValueError, match=said):
            study.run(changed)
    weights.write_bytes(b"2")
    with pytest.raises(ValueError, match=r"weights: \w+ is now \w+"):
        study.run(asked)


def test_the_section_says_what_was_measured() -> None:
    blind = np.full((4, 4), 0.5)
    seeing = blind + np.eye(4) * 0.3
    request = Request(Path("weights/embedded"), Path("store"), Path("out"), steps=7)
    text = section({"plain": blind, "edges": seeing, "blind": blind}, request)
    assert "7 steps of\n16 of 4,000 pictures" in text
    assert "| edges | 0.800 (0.800 to 0.800) | 0.500 (0.500 to 0.500) | 1.000 (1.000 to 1.000) |" in text
    assert "over all pictures and all pairs of two; .5 is\nblind." in text
    assert "Edges minus blind: 0.300 (0.300 to 0.300)." in text


@pytest.mark.slow
def test_an_arm_that_was_stopped_goes_on(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "pictures").mkdir()
    for i, picture in enumerate(squares(2)):
        picture.save(tmp_path / "pictures" / f"{i}.png")
    short = Request(tiny_model, Path("store"), tmp_path, steps=2, batch_size=2)
    run = train(short, tmp_path, "edges", "false")
    assert train(short, tmp_path, "edges", "false") == run, "all steps are there"
    longer = replace(short, steps=3)
    [settings] = run.glob("configs/*-lightning.yaml")
    settings.write_text(
        settings.read_text().replace("max_steps: 2", "max_steps: 3")
    )  # as if stopped after two of three
    assert train(longer, tmp_path, "edges", "false") == run
    assert (run / "checkpoints" / "controlnet_gs-2").is_dir()
    assert len(json.loads((run / "configs" / "environment.json").read_text())["went_on"]) == 1
    assert train(replace(short, steps=4), tmp_path, "edges", "false") != run, "a run of other settings is left alone"
