"""The study of names: whose photos, which numbers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.studies import names as study


@pytest.fixture
def album(tmp_path: Path, draw) -> Path:
    """Three people with 24, 22 and 21 pictures of their colour, and 120 with five, so that a hundred are held out."""
    for person, (colour, count) in {"Ann": ("red", 24), "Bo": ("lime", 22), "Cy": ("blue", 21)}.items():
        (tmp_path / "lfw" / person).mkdir(parents=True)
        for number in range(count):
            draw(colour).save(tmp_path / "lfw" / person / f"{person}_{number:02d}.png")
    for number in range(120):
        (tmp_path / "lfw" / f"P{number}").mkdir()
        for photo in range(5):
            (tmp_path / "lfw" / f"P{number}" / f"P{number}_{photo}.png").touch()
    return tmp_path / "lfw"


class StandIn:
    """Draws Ann and Bo as themselves, Cy as nobody."""

    def __init__(self, logs: Path, cwd: Path) -> None:
        self.draw: Any = None

    def run(self, stage: str, command: Sequence[str | Path]) -> None:
        from tests.evaluation.conftest import drawn

        words = list(map(str, command))
        out = Path(words[words.index("--out") + 1])
        out.mkdir(parents=True)
        rows = []
        for prompt in Path(words[words.index("--prompts") + 1]).read_text().splitlines():
            for seed in range(int(words[words.index("--n") + 1])):
                colours = {"Ann": ["red"], "Bo": ["lime"]}.get(prompt.split()[-1], [])
                drawn(*colours).save(out / f"{len(rows)}.png")
                rows.append({"file": f"{len(rows)}.png", "prompt": prompt, "seed": seed})
        (out / "settings.json").write_text(json.dumps({"samples": rows}))


@pytest.fixture
def stand_ins(colour_judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn by a model, and colours are told apart instead of faces."""
    monkeypatch.setattr(study, "Stages", StandIn)
    monkeypatch.setattr(study, "load_judge", lambda name: colour_judge)
    monkeypatch.setattr(study, "strangers_percentile", lambda judge, side: -0.06)


def test_photos_are_those_kept_out_of_training(album: Path) -> None:
    known = study.unseen_photos(album, 3)
    assert list(known) == ["Ann", "Bo", "Cy"]
    assert [len(photos) for photos in known.values()] == [8, 7, 7]


def test_more_people_than_there_are(album: Path) -> None:
    with pytest.raises(ValueError, match="3 people have photos kept out of training, 4 are wanted"):
        study.unseen_photos(album, 4)


def test_known_numbers(album: Path, tmp_path: Path, stand_ins: None, capsys: pytest.CaptureFixture[str]) -> None:
    study.run(album, ["colours"], 3, 2, Path("weights/embedded"), tmp_path / "out", document=False)
    scores = np.array(json.loads((tmp_path / "out/colours.json").read_text())["scores"])
    assert scores.tolist() == [[1, 0, 0], [0, 1, 0], [-0.06, -0.06, -0.06]]
    # matched 1, 1, -.06 against four strangers at 0 and two at -.06: (6 + 6 + 2 / 2) / 18
    assert "| `colours` | 0.722 (" in (out := capsys.readouterr().out)
    assert "| 0.647 | 67 % |" in out


def test_among_people_of_one_sex_only_strangers_are_left_out(
    album: Path, tmp_path: Path, stand_ins: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(study, "are_men", lambda known: np.array([True, True, False]))
    written: dict[str, str] = {}
    monkeypatch.setattr(study, "replace_section", written.__setitem__)
    study.run(album, ["colours"], 3, 2, Path("weights/embedded"), tmp_path / "out", document=True)
    # matched 1, 1, -.06 against Ann's pictures with Bo's photos and his with hers, both 0: (2 + 2 + 0) / 6
    assert "| 0.667 (" in capsys.readouterr().out
    (text,) = written.values()
    assert "The cosines of\na person's 2 pictures are averaged." in text
    assert "all pairs of two people, or those of the\nsame sex" in text


def test_photos_without_a_face(album: Path, colour_judge, draw) -> None:
    photos = study.unseen_photos(album, 1)["Ann"]
    for photo in photos:
        draw().save(photo)
    with pytest.raises(ValueError, match="judge colours finds no face in the photos of Ann"):
        study.mean_vector(colour_judge, photos)
