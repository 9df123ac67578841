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
    alone, held = report("tones", 0.6, drawn, trained), report("tones", 0.6, drawn, trained, control)
    assert alone.values["same person"] == 1
    assert held.values["same person"] == 0, "strangers come as near"
    assert "of as many strangers" not in alone.lead


def test_the_lead_says_what_a_limit_from_a_control_gives_by_chance(seen):
    trained = seen("trained", {name: face(colour) for name, colour in TRAINED.items()})
    control = seen("control", {str(n): face((255 - n, 128 + n, 128 + 6 * n)) for n in range(20)})
    strangers = seen("drawn", {str(n): face((255 - n, 128 + n, 128 + 6 * n), at=25) for n in range(20)})
    made = report("tones", 0.6, strangers, trained, control)
    assert made.values["copies"] + made.values["same person"] == 1, "strangers alone, and one passes"
    assert made.lead.endswith("of the training pictures; of as many strangers 5%, 1, would be above the limit too.")


def test_pictures_without_faces_are_an_error(seen, tmp_path):
    with pytest.raises(ValueError, match="judge tones finds no face in any of 1 pictures"):
        seen("drawn", {"none": face()})
    with pytest.raises(ValueError, match="finds no face in any of 0 pictures"):
        look_at(ToneJudge(), [])
