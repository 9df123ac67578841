import pytest

from evaluation import dlib_judge
from evaluation.identity import cosine
from evaluation.judges import calibration, judges_here, load_judge

needs_dlib = pytest.mark.skipif(not dlib_judge.is_installed(), reason="the extra `judges` is not installed")


@needs_dlib
def test_dlib_tells_people_apart(astronaut, hopper):
    judge = load_judge("dlib")
    assert (judge.name, judge.encoder_name) == ("yunet+dlib", "dlib")
    collins, again, other = judge.vectors([astronaut, astronaut.resize((300, 300)), hopper])
    known = calibration(judge)
    assert cosine(collins, again) > known.threshold > known.stranger
    assert cosine(collins, other) < known.threshold
    assert len(judge.faces(astronaut)) == 1


@needs_dlib
def test_judges_here_names_dlib():
    assert judges_here() == ["yunet-sface", "dlib"]


def test_without_dlib_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(dlib_judge, "is_installed", lambda: False)
    with pytest.raises(ImportError, match=r"judge dlib needs two packages .* pip install -e '\.\[judges\]'"):
        load_judge("dlib")
    assert judges_here() == ["yunet-sface"]
