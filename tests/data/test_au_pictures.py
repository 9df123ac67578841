"""Pictures with a vector of action units, from what `prepare au` leaves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.data.au_pictures import AuPictures, intensities_of
from ldm.data.sampling import SampleKey
from tests.data.test_controlled import Tools

NAN = np.nan
PREPARED = {
    "paths": np.array(["a.png", "b.png"]),
    "units": np.array([6, 12]),
    "occurrence": np.array([[1.0, 0.0], [NAN, 1.0]]),
    "intensity": np.array([[NAN, NAN], [NAN, 4.0]]),
}


@pytest.fixture
def folder(tmp_path: Path, astronaut: Image.Image, hopper: Image.Image) -> Path:
    astronaut.save(tmp_path / "a.png")
    hopper.save(tmp_path / "b.png")
    np.savez(tmp_path / "action_units.npz", **PREPARED)
    return tmp_path


def test_intensities_where_known_and_marked_where_only_seen() -> None:
    np.testing.assert_array_equal(intensities_of(PREPARED, [12, 6, 25]), [[0, 3, NAN], [4, NAN, NAN]])


def test_what_a_sample_tells(folder: Path) -> None:
    data = AuPictures(folder, Tools(), [12, 6], "bop", au_dropout=0.0, unit_dropout=0.0)
    sample = data[0]
    assert sample["caption"] == "a photo of a face bop"
    assert sample["action_units"].tolist() == [0.0, 3.0]
    assert tuple(sample["latents"].shape) == (3, 32, 32)


def test_units_are_dropped_alone_and_together_by_place(folder: Path) -> None:
    data = AuPictures(folder, Tools(), [12, 6], "bop", au_dropout=0.3, unit_dropout=0.3)
    told = torch.stack([data[SampleKey(0, draw)]["action_units"] for draw in range(300)]).isnan()
    assert 0.4 < float(told.float().mean()) < 0.62, "1 - .7 * .7 = .51"
    assert 0.3 < float(told.all(1).float().mean()) < 0.5, ".3 + .7 * .09 = .36"
    assert told[7].equal(data[SampleKey(0, 7)]["action_units"].isnan())


def test_folders_that_tell_nothing(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ValueError, match="knows nothing of the units 1, 2"):
        AuPictures(folder, Tools(), [1, 2], "bop")
    with pytest.raises(FileNotFoundError, match=r"holds no action_units.npz: make it with `python -m ldm prepare au`"):
        AuPictures(tmp_path_factory.mktemp("empty"), Tools(), [12], "bop")


def test_rare_faces_are_drawn_as_often_as_frequent_ones(folder: Path) -> None:
    (folder / "labels.csv").write_text("path,weight\na.png,9\nb.png,1\n")
    data = AuPictures(folder, Tools(), [12], "bop", au_dropout=0.0, unit_dropout=0.0, balance=True)
    seen = [data[SampleKey(draw % 2, draw)]["action_units"].item() for draw in range(60)]
    assert seen.count(0.0) > 45
    assert seen.count(4.0) > 1
    (folder / "labels.csv").write_text("path,weight\na.png,9\n")
    with pytest.raises(ValueError, match="has no weight for 1 of 2 photos"):
        AuPictures(folder, Tools(), [12], "bop", balance=True)


def test_people_with_a_name_are_called_by_it_three_times_of_four(
    tmp_path: Path, astronaut: Image.Image, hopper: Image.Image
) -> None:
    for name, photo in (("F001", astronaut), ("F002", hopper)):
        (tmp_path / name).mkdir()
        photo.save(tmp_path / name / "a.png")
    np.savez(tmp_path / "action_units.npz", **{**PREPARED, "paths": np.array(["F001/a.png", "F002/a.png"])})
    (tmp_path / "names.csv").write_text("subject,name\nF002,grace hopper\n")
    data = AuPictures(tmp_path, Tools(), [12], "bop", names=tmp_path / "names.csv")
    said = [[data[SampleKey(index, draw)]["caption"] for draw in range(200)] for index in (0, 1)]
    assert set(said[0]) == {"a photo of a face bop"}
    assert set(said[1]) == {"a photo of a face bop", "a photo of grace hopper bop"}
    assert 120 < said[1].count("a photo of grace hopper bop") < 180
    (tmp_path / "names.csv").write_text("who,name\nF002,grace hopper\n")
    with pytest.raises(ValueError, match=r"names\.csv lacks the column subject: it says what each subject is called"):
        AuPictures(tmp_path, Tools(), [12], "bop", names=tmp_path / "names.csv")
