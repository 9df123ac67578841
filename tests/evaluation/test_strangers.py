"""The study of judges: its draws and its numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from evaluation.judges import STRANGERS
from evaluation.studies import strangers as study
from ldm.commands import load_command


@pytest.fixture
def album(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for number in range(25):
        folder = tmp_path / "lfw" / f"Person_{number:02d}"
        folder.mkdir(parents=True)
        for photo in range(1 if number == 24 else 3):
            pixels = generator.integers(0, 255, (20, 20, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{photo}.png")
    return tmp_path / "lfw"


def test_two_different_photos_of_everybody_who_has_two(album: Path) -> None:
    pairs = study.two_photos_each(album, None)
    assert len({first.parent for first, _ in pairs}) == 24
    assert all(first.parent == second.parent and first != second for first, second in pairs)
    assert pairs == study.two_photos_each(album, None)
    assert study.two_photos_each(album, 21) == pairs[:21]


def test_too_few_people(tmp_path: Path, album: Path) -> None:
    with pytest.raises(ValueError, match="0 people have two photos, at least 20 are needed"):
        study.two_photos_each(album / "Person_24", None)


def test_shrinking_keeps_the_shape_and_never_enlarges() -> None:
    assert study.shrunk(Image.new("RGB", (200, 100)), 50).size == (100, 50)
    assert study.shrunk(Image.new("RGB", (200, 100)), 150).size == (200, 100)


def test_accuracy_of_separable_and_of_equal_scores() -> None:
    generator = np.random.default_rng(0)
    low, high = generator.uniform(0, 0.4, 500), generator.uniform(0.6, 1, 500)
    assert study.verification_accuracy(high, low) == 1.0
    same = generator.uniform(0, 1, 4000)
    assert study.verification_accuracy(same[:2000], same[2000:]) == pytest.approx(0.5, abs=0.04)


def test_numbers_of_known_vectors() -> None:
    generator = np.random.default_rng(1)
    people = [np.float32(v / np.linalg.norm(v)) for v in generator.normal(size=(60, 64))]
    found = study.describe(people, [*people[:58], None, None])
    assert found["matched_mean"] == pytest.approx(1.0)
    assert found["auc"] == 1.0
    assert found["accuracy"] == 1.0
    assert (found["people"], found["undetected"], found["stranger_pairs"]) == (60, 2, 58 * 57)
    assert found["p5"] == pytest.approx(-1.645 / 8, abs=0.03)  # cosines of random directions: normal, 1 / sqrt(64)


def test_command_keeps_other_judges_rows(
    album: Path, tmp_path: Path, colour_judge, draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in album.iterdir():
        for photo in folder.iterdir():
            draw("red" if int(folder.name[-2:]) % 2 else "blue").save(photo)
    table, text = tmp_path / "strangers.json", tmp_path / "measurements.md"
    table.write_text(json.dumps({"judges": {"other": {}}}))
    monkeypatch.setattr(study, "load_judge", lambda name: colour_judge)
    monkeypatch.setattr(study, "replace_section", lambda title, body: text.write_text(body))
    result = CliRunner().invoke(
        load_command("study"), ["strangers", "--photos", str(album), "--judge", "colours", "--out", str(table)]
    )
    assert result.exit_code == 0, result.output
    written = json.loads(table.read_text())["judges"]
    assert set(written) == {"other", "colours"}
    assert set(written["colours"]) == {"64", "128", "216"}
    assert written["colours"]["64"]["stranger_pairs"] == 24 * 23
    assert "| `colours` | 64 |" in text.read_text()


def test_committed_table_was_measured_on_enough_pairs() -> None:
    for sides in json.loads(STRANGERS.read_text())["judges"].values():
        for numbers in sides.values():
            assert numbers["stranger_pairs"] >= 3000
            assert numbers["p5"] < numbers["p50"] < numbers["p95"] < numbers["matched_mean"]
