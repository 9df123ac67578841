from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluation.identity import score_vectors
from evaluation.judges import load_judge
from ldm.runs.likeness import KnownFaces, Likeness, Reference, likeness_sheet, photos_of, references_of


@dataclass
class Photo:
    path: Path


def trainer_with(data: Any) -> Any:
    return SimpleNamespace(datamodule=SimpleNamespace(datasets={"train": data}))


class ColourJudge:
    """A photo's vector is its colour; black is nobody."""

    name = encoder_name = "colours"

    def vector(self, image: Image.Image) -> Any:
        colour = np.asarray(image.resize((1, 1)), np.float32)[0, 0]
        return colour / np.linalg.norm(colour) if colour.any() else None


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, Path]:
    made = {}
    for name in ("red", "lime", "black"):
        made[name] = tmp_path / f"{name}.png"
        Image.new("RGB", (8, 8), name).save(made[name])
    return made


def test_photos_by_person_in_the_order_of_the_run() -> None:
    paths = [Path("bo.png"), Path("ada_1.png"), Path("ada_2.png")]
    data = SimpleNamespace(people=["bo", "ada"], records=[Photo(path) for path in paths], owner=[0, 1, 1])
    assert list(photos_of(trainer_with(data)).items()) == [("bo", paths[:1]), ("ada", paths[1:])]


@pytest.mark.parametrize(
    "trainer",
    [
        trainer_with(object()),
        trainer_with(None),
        SimpleNamespace(datamodule=None),
        SimpleNamespace(datamodule=object()),
    ],
)
def test_data_that_does_not_know(trainer: Any) -> None:
    assert photos_of(trainer) == {}


def test_several_photos_count_by_their_mean_cosine(photos: dict[str, Path]) -> None:
    [ada] = references_of(ColourJudge(), {"ada": [photos["black"], photos["red"], photos["lime"]]})
    assert (ada.name, ada.photo) == ("ada", photos["red"])
    face = np.array([0.6, 0, 0.8], np.float32)
    assert score_vectors(ada.vector, [face], -1).mean == pytest.approx((0.6 + 0) / 2)


def test_a_person_without_a_face(photos: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match=r"judge colours finds no face in the training photos of bo \(black.png\)"):
        references_of(ColourJudge(), {"ada": [photos["red"]], "bo": [photos["black"]]})


def test_the_sheet_shows_the_photo_and_what_was_drawn(photos: dict[str, Path]) -> None:
    drawn = [Image.new("RGB", (4, 4), "blue")] * 2
    scores = score_vectors(np.ones(3, np.float32), [None, None], 0.0)
    rows = [Likeness(Reference(name, photos[name], np.ones(3)), ["a", "b"], drawn, scores) for name in ("red", "lime")]
    sheet = likeness_sheet(rows)
    assert sheet.size == (3 * 6 + 2, 2 * 6 + 2)
    assert [sheet.getpixel((3, 3)), sheet.getpixel((9, 3)), sheet.getpixel((3, 9))] == [
        (255, 0, 0),
        (0, 0, 255),
        (0, 255, 0),
    ]


def test_people_are_told_apart_in_pictures_of_one_and_of_both(
    astronaut: Image.Image, hopper: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grace = hopper.resize((512, 600))
    both = Image.new("RGB", (1024, 600))
    both.paste(grace, (0, 0))
    both.paste(astronaut, (512, 0))
    for name, photo in {"eileen": astronaut, "grace": grace, "nobody": Image.new("RGB", (64, 64))}.items():
        photo.save(tmp_path / f"{name}.png")
    known = KnownFaces(load_judge("yunet-sface"), {path.stem: [path] for path in sorted(tmp_path.iterdir())})
    assert known.cosines(astronaut, ["eileen"]) == [pytest.approx(1, abs=1e-3)]
    [stranger] = known.cosines(astronaut, ["grace"])
    assert stranger is not None
    assert stranger < 0.4
    for names in (["eileen", "grace"], ["grace", "eileen"]):
        assert all(cosine is not None and cosine > 0.9 for cosine in known.cosines(both, names))
    eileen, grace_there = known.cosines(astronaut, ["eileen", "grace"])
    assert (eileen, grace_there) == (pytest.approx(1, abs=1e-3), None), "one face is not two people"
    assert known.cosines(Image.new("RGB", (64, 64)), ["eileen"]) == [None]
    assert known.cosines(astronaut, ["nobody"]) == known.cosines(astronaut, ["nobody"]) == [None]
    assert caplog.text.count("pictures of nobody are not scored: judge yunet+sface finds no face") == 1
