"""Judges and identity scores."""

import numpy as np
import pytest
from PIL import Image

from evaluation.identity import cosine, identity_scores, require_held_out, score_vectors
from evaluation.judges import load_judge, strangers_percentile

UNDETECTED = -0.06


@pytest.fixture(scope="module")
def sface():  # type: ignore[no-untyped-def]
    return load_judge("yunet-sface")


def test_matched_above_stranger(sface, astronaut, hopper) -> None:
    own, other = sface.vector(astronaut), sface.vector(hopper)
    assert own.dtype == np.float32
    assert np.linalg.norm(own) == pytest.approx(1, abs=1e-5)
    again = sface.vector(astronaut.crop((60, 0, 420, 360)).resize((180, 180)))
    assert cosine(own, again) > 0.8
    assert cosine(own, other) < 0.3


def test_no_face_is_none_not_a_number(sface) -> None:
    assert sface.vector(Image.new("RGB", (64, 64), "gray")) is None
    assert sface.faces(Image.new("RGB", (300, 40), "white")) == []


def test_small_pictures_are_enlarged_and_boxes_are_in_their_own_pixels(sface, astronaut) -> None:
    small = astronaut.crop((100, 0, 356, 256)).resize((64, 64), Image.Resampling.LANCZOS)
    (face,) = sface.faces(small)
    assert face.box.min() >= 0
    assert face.box.max() <= 64
    assert 15 < face.box[2] - face.box[0] < 50
    assert cosine(face.vector, sface.vector(astronaut)) > 0.6


def test_two_faces_of_25_px_side_by_side_are_found_in_their_places(sface, astronaut, hopper) -> None:
    picture = Image.new("RGB", (64, 64))
    picture.paste(astronaut.crop((140, 20, 316, 372)).resize((32, 64), Image.Resampling.LANCZOS), (0, 0))
    picture.paste(hopper.crop((120, 20, 400, 580)).resize((32, 64), Image.Resampling.LANCZOS), (32, 0))
    faces = sorted(sface.faces(picture), key=lambda face: face.center_x)
    assert len(faces) == 2
    assert cosine(faces[0].vector, sface.vector(astronaut)) > cosine(faces[1].vector, sface.vector(astronaut))
    assert cosine(faces[1].vector, sface.vector(hopper)) > cosine(faces[0].vector, sface.vector(hopper))


def test_drawing_no_face_never_pays(colour_judge, draw, person) -> None:
    """A planted flatterer: the picture without a face lowers the mean as a stranger's would, and is counted."""
    honest = identity_scores(colour_judge, person("red"), [draw("red"), draw("blue")], UNDETECTED)
    flatterer = identity_scores(colour_judge, person("red"), [draw("red"), draw()], UNDETECTED)
    assert honest.mean == pytest.approx(0.5)
    assert flatterer.mean == pytest.approx((1 + UNDETECTED) / 2)
    assert flatterer.mean < honest.mean
    assert flatterer.detected == 1
    assert flatterer.detected_mean == pytest.approx(1.0)


def test_no_face_anywhere_is_the_percentile_not_nan(colour_judge, draw, person) -> None:
    scores = identity_scores(colour_judge, person("red"), [draw(), draw()], UNDETECTED)
    assert scores.mean == UNDETECTED
    assert scores.detected == 0
    assert scores.detected_mean is None


def test_nothing_to_score_is_an_error(person) -> None:
    with pytest.raises(ValueError, match="no pictures to score"):
        score_vectors(person("red"), [], UNDETECTED)


def test_the_conditioning_net_is_no_sole_judge(colour_judge, sface) -> None:
    with pytest.raises(ValueError, match="colour-net conditioned the model and cannot be the only judge"):
        require_held_out([colour_judge], {"colour-net"})
    require_held_out([colour_judge, sface], {"colour-net"})
    require_held_out([sface], {"colour-net"})


def test_a_study_without_judges_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one judge"):
        require_held_out([], set())


def test_strangers_percentile_is_measured(sface) -> None:
    for side in (None, 64, 128, 512):
        assert -0.15 < strangers_percentile(sface, side) < 0.0
