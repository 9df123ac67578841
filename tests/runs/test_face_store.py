"""From pictures to a store: whose face counts, what is left out, who stands where."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ldm.data.captions import Words
from ldm.data.sources import Source, pictures_of
from ldm.data.store import PictureStore
from ldm.faces import backend
from ldm.runs import face_store
from ldm.runs.face_store import contact_sheet, make_store, shares, some_captions

once = cache(backend.load_backend)


@pytest.fixture(autouse=True)
def _one_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_store, "load_backend", once)


@pytest.fixture
def photos(tmp_path: Path, astronaut: Image.Image, hopper: Image.Image) -> Path:
    for person, picture in {"Eileen_Collins": astronaut, "Grace_Hopper": hopper}.items():
        (tmp_path / "in" / person).mkdir(parents=True)
        picture.save(tmp_path / "in" / person / "a.png")
    (tmp_path / "in" / "Grace_Hopper" / "a.txt").write_text("an admiral\n")
    Image.new("RGB", (64, 48), "gray").save(tmp_path / "in" / "Eileen_Collins" / "none.png")
    (tmp_path / "in" / "Eileen_Collins" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "in"


def sources(photos: Path) -> list[Source]:
    return pictures_of(photos, sorted(photos.rglob("*.png")))


def test_a_folder_becomes_a_store(photos: Path, tmp_path: Path, caplog: Any) -> None:
    seen: list[int] = []
    lost = make_store(sources(photos), tmp_path / "out", 32, seen.append)
    assert sorted(lost) == ["Eileen_Collins/broken.png", "Eileen_Collins/none.png"]
    assert "left out: " in caplog.text
    assert len(seen) == 4
    store = PictureStore(tmp_path / "out")
    assert store.pictures.shape == (2, 32, 32, 3)
    by_person = {row["identity"]: row for row in store.rows}
    assert by_person["Grace_Hopper"]["caption"] == "an admiral"
    assert by_person["Eileen_Collins"]["name"] == "Eileen Collins"
    assert store.about["lost"] == 2
    assert shares(store) == [("train", 2, 2)]
    assert contact_sheet(store, "train", side_px=16).size == (16 * 2 + 2, 16)


def test_it_goes_on_where_it_was_stopped(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class StopError(Exception):
        pass

    def stop(count: int) -> None:
        raise StopError

    with pytest.raises(StopError):
        make_store(sources(photos), tmp_path / "out", 32, stop)
    looked: list[Path] = []
    real = face_store.central_face
    monkeypatch.setattr(face_store, "central_face", lambda b, path, size: looked.append(path) or real(b, path, size))
    make_store(sources(photos), tmp_path / "out", 32, lambda count: None)
    assert len(looked) == 3
    assert len(PictureStore(tmp_path / "out").rows) == 2


def test_the_face_in_the_middle_is_taken(astronaut: Image.Image, hopper: Image.Image, tmp_path: Path) -> None:
    sheet = Image.new("RGB", (1224, 600), "gray")
    sheet.paste(astronaut, (0, 0))
    sheet.paste(hopper, (400, 0))
    sheet.save(tmp_path / "two.png")
    hopper.save(tmp_path / "hopper.png")
    astronaut.save(tmp_path / "astronaut.png")
    crops = [face_store.central_face(once("yunet-sface"), path, 32) for path in sorted(tmp_path.glob("*.png"))]
    other, middle, both = (np.asarray(crop, int)[8:24, 8:24] for crop in crops)
    assert 2 * np.abs(both - middle).mean() < np.abs(both - other).mean()


def test_a_person_in_two_splits_stops_everything(tmp_path: Path) -> None:
    rows = [{"file": f"{n}.jpg", "source": "celeba", "identity": "7", "split": split} for n, split in enumerate("ab")]
    with pytest.raises(ValueError, match="person 7 stands in two splits: a and b"):
        make_store([Source(tmp_path / row["file"], row) for row in rows], tmp_path / "out", 32, lambda count: None)
    assert not (tmp_path / "out").exists()


def test_captions_to_look_at() -> None:
    rows = [{"file": "a", "attributes": ["Male", "Young"]}, {"file": "b"}, {"file": "c", "name": "Ada"}]
    said = some_captions(rows, Words(man="gentleman", young=""))
    assert len(said) == 2
    assert said[0].startswith("a photo of a gentleman")
    assert "Ada" in said[1]
