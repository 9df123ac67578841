import pytest

from evaluation.memorization import look_at, report
from tests.evaluation.people import ToneJudge, face

TRAINED = {"ada": (255, 140, 128), "bo": (128, 255, 150)}


@pytest.fixture
def seen(tmp_path):
    """Looks at pictures of these colours, saved in a folder of this name."""

    def look(folder, images):
        (tmp_path / folder).mkdir()
        for name, image in images.items():
            image.save(tmp_path / folder / f"{name}.png")
        return look_at(ToneJudge(), sorted((tmp_path / folder).glob("*.png")))

    return look


def test_a_copy_is_told_from_the_same_person_and_from_nobody(seen, tmp_path):
    trained = seen("trained", {name: face(colour) for name, colour in TRAINED.items()})
    other = face((255, 150, 128), at=25).rotate(90)
    drawn = seen("drawn", {"copy": face(TRAINED["ada"]), "new": other, "none": face((128, 128, 255)), "zz": face()})
    page = report("tones", 0.6, drawn, trained)
    rows = {row[0]: row for row in page.tables()[1].rows}
    assert [rows[f"{name}.png"][-1] for name in ("copy", "new", "none")] == ["copy", "same person", "nobody"]
    assert rows["copy.png"][2] == "ada.png"
    assert (page.values["copies"], page.values["same person"]) == (1, 1)
    assert any("1 pictures show no face" in notice for notice in page.notices)
    assert any("among 2 training pictures 0.2% of strangers" in notice for notice in page.notices)


def test_a_control_sets_the_limit(seen):
    trained = seen("trained", {name: face(colour) for name, colour in TRAINED.items()})
    drawn = seen("drawn", {"near": face((255, 180, 128), at=25)})
    control = seen("control", {str(n): face((200, 128 + n, 128)) for n in range(3)})
    assert report("tones", 0.6, drawn, trained).values["same person"] == 1
    assert report("tones", 0.6, drawn, trained, control).values["same person"] == 0, "strangers come as near"


def test_pictures_without_faces_are_an_error(seen, tmp_path):
    with pytest.raises(ValueError, match="judge tones finds no face in any of 1 pictures"):
        seen("drawn", {"none": face()})
    with pytest.raises(ValueError, match="finds no face in any of 0 pictures"):
        look_at(ToneJudge(), [])
