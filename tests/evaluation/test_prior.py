import pytest

from evaluation.prior import ClassPictures, drift_of, report
from evaluation.summary import Ssim
from tests.evaluation.people import ToneJudge, face

LEARNED = ToneJudge().vector(face((255, 128, 128)))
CLASS = [(128, 255, 128), (128, 128, 255), (128, 200, 220)]


def pictures(colours, prompt="a photo of a person"):
    return ClassPictures(prompt, "person", [face(c) for c in CLASS], [face(c) for c in colours])


def drift(colours):
    return drift_of(pictures(colours), ToneJudge(), [LEARNED], Ssim())


def test_what_was_not_touched_does_not_drift():
    same = drift(CLASS)
    assert same.drift == pytest.approx(0)
    assert same.change == pytest.approx(0)
    assert same.diversity[0] == same.diversity[1]
    assert same.apart[0] == pytest.approx(same.apart[1])


def test_a_class_that_became_the_learned_person_is_said():
    leaked = drift([(255, 128, 128)] * 3)
    assert leaked.drift == pytest.approx(1, abs=0.01)
    assert leaked.diversity[1] == pytest.approx(0)
    assert leaked.apart[1] == pytest.approx(0, abs=1e-6)
    page = report("run", [pictures(CLASS)] * 3, [leaked] * 3, "tones", "1-ssim")
    assert any("drifts towards the people who were learned" in notice for notice in page.notices)
    assert any("less diverse" in notice for notice in page.notices)
    assert "+1.000 nearer" in page.lead


def test_one_picture_a_prompt_says_what_it_cannot_tell():
    one = ClassPictures("x", "person", [face(CLASS[0])], [face(CLASS[1])])
    page = report("run", [one], [drift_of(one, ToneJudge(), [LEARNED], Ssim())], "tones", "1-ssim")
    assert any("One picture of each prompt" in notice and "--n 2" in notice for notice in page.notices)
    enough = report("run", [pictures(CLASS)], [drift(CLASS)], "tones", "1-ssim")
    assert not any("One picture" in notice for notice in enough.notices)


def test_without_faces_drift_is_unknown_not_a_number_that_is_none():
    blank = ClassPictures("x", "person", [face(), face()], [face(), face()])
    found = drift_of(blank, ToneJudge(), [LEARNED], Ssim())
    assert found.drift is None
    assert found.detection == (0, 0)
    page = report("run", [blank], [found], "tones", "1-ssim")
    assert any("Too few faces" in notice for notice in page.notices)
    assert "an unknown amount" in page.lead
    with pytest.raises(ValueError, match="no class prompt was drawn"):
        report("run", [], [], "tones", "1-ssim")
