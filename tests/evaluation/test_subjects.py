import logging

import numpy as np
import pytest
from PIL import Image

from evaluation.subjects import Reference, Subject, other_photos, reference_of
from tests.evaluation.people import ToneJudge, face


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def test_a_copy_of_a_given_photo_is_no_other_photo(tmp_path, astronaut, hopper):
    given = save(tmp_path / "given.png", astronaut)
    save(tmp_path / "more" / "ada" / "same.jpg", astronaut)
    save(tmp_path / "more" / "ada" / "smaller.jpg", astronaut.resize((100, 100)))
    save(tmp_path / "more" / "ada" / "brighter.png", astronaut.point(lambda x: min(255, x + 20)))
    other = save(tmp_path / "more" / "ada" / "other.png", hopper)
    (tmp_path / "more" / "ada" / "torn.jpg").write_bytes(b"\xff\xd8 no picture")
    assert other_photos(tmp_path / "more", {"ada": [given]}) == {"ada": (other,)}


def test_one_person_needs_no_folder_of_their_own(tmp_path, astronaut, hopper):
    other = save(tmp_path / "more" / "other.png", hopper)
    assert other_photos(tmp_path / "more", {"ada": [save(tmp_path / "a.png", astronaut)]}) == {"ada": (other,)}


def test_photos_of_nobody_in_the_run_are_an_error(tmp_path, astronaut, caplog):
    given = save(tmp_path / "given.png", astronaut)
    save(tmp_path / "more" / "somebody" / "a.png", astronaut)
    with pytest.raises(ValueError, match=r"holds no other photos of anybody in this run: .*\(ada, bo\)"):
        other_photos(tmp_path / "more", {"ada": [given], "bo": [given]})


def test_a_person_without_other_photos_is_named(tmp_path, astronaut, hopper, caplog):
    given = save(tmp_path / "given.png", astronaut)
    save(tmp_path / "more" / "ada" / "a.png", hopper)
    with caplog.at_level(logging.WARNING):
        found = other_photos(tmp_path / "more", {"ada": [given], "bo": [given]})
    assert found["bo"] == ()
    assert "no other photos of bo" in caplog.text


def test_what_a_judge_knows_of_a_person(tmp_path, caplog):
    given = save(tmp_path / "a.png", face((255, 128, 128)))
    others = [save(tmp_path / "b.png", face((255, 200, 128))), save(tmp_path / "c.png", face())]
    found = reference_of(ToneJudge(), Subject("ada", (given,), tuple(others)))
    assert (found.given.shape, found.others.shape) == ((1, 3), (1, 3))
    assert "finds no face in" in caplog.text
    assert found.ceiling == pytest.approx(127 / np.hypot(127, 72))
    assert found.nearest == pytest.approx(found.ceiling), "one photo is the nearest"
    assert found.to_given(np.array([1, 0, 0], np.float32)) == pytest.approx(1)
    alone = reference_of(ToneJudge(), Subject("ada", (given,)))
    assert alone.ceiling is alone.nearest is None
    assert alone.to_others(np.array([1, 0, 0], np.float32)) is None


def test_of_several_given_photos_the_nearest_counts_for_a_copy():
    known = Reference(np.eye(3, dtype=np.float32)[:2], np.array([[0.6, 0.8, 0], [0, 0, 1]], np.float32))
    assert known.to_given(known.given[1]) == pytest.approx(0.5)
    assert known.to_nearest(known.given[1]) == pytest.approx(1)
    assert known.ceiling == pytest.approx((0.6 + 0.8) / 4)
    assert known.nearest == pytest.approx(0.8 / 2), "that of the nearest given photo, over the others"


def test_a_person_without_any_face_is_an_error(tmp_path):
    path = save(tmp_path / "a.png", Image.new("RGB", (64, 64), (128, 128, 128)))
    with pytest.raises(ValueError, match=r"judge tones finds no face in the photos of ada \(a\.png\)"):
        reference_of(ToneJudge(), Subject("ada", (path,)))
