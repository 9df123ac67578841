"""The filter of names: what is kept and why the others are not, on faces whose likeness is known."""

import numpy as np
import pytest
from PIL import Image

from evaluation.name_filter import Limits, judge_names, report, similarities
from evaluation.report import write_report

LIMITS = Limits(detected=0.75, consistency=0.2, distinctness=0.9)


def face(*values):
    vector = np.zeros(8, np.float32)
    vector[: len(values)] = values
    return vector / np.linalg.norm(vector)


def own(axis, *seeds):
    """Pictures of somebody who has an axis; each seed also has one, which all names share."""
    return [face(*np.eye(8)[axis] + 2.0 * np.eye(8)[7 - seed]) for seed in seeds]


def test_pictures_of_one_seed_are_not_compared():
    alike = similarities([own(0, 0, 1), own(1, 0, 1)])
    assert np.diag(alike) == pytest.approx([0.2, 0.2])
    assert alike[0, 1] == pytest.approx(0.0), "the seed's axis would have given .8"


def test_pictures_without_a_face_do_not_count():
    alike = similarities([[face(1), None, face(1)], [None, None, face(0, 1)], [None, None, None]])
    assert alike[0, 0] == pytest.approx(1)
    assert np.isnan(alike[1, 1])
    assert alike[0, 1] == pytest.approx(0)
    assert np.isnan(alike[2]).all()


def test_why_a_name_is_left_out():
    nobody = [face(0, 0, 1), face(0, 0, -1), face(0, 0, 1), face(0, 0, -1)]
    faces = [[face(1)] * 4, [face(0, 1)] * 4, nobody, [face(0, 0, 0, 1), None, None, None], [None] * 4]
    names = ["ada", "bo", "cy", "di", "ed"]
    found = {one.name: one for one in judge_names(names, faces, LIMITS)}
    assert [name for name, one in found.items() if one.kept] == ["ada", "bo"]
    assert found["ada"].consistency == pytest.approx(1)
    assert found["ada"].distinctness == 1
    assert found["cy"].reasons[0] == "its pictures do not look alike (-0.33)"
    assert found["di"].reasons == ("a face in 25% of its pictures", "too few faces to compare")
    assert found["ed"].reasons == ("a face in 0% of its pictures", "too few faces to compare")
    assert found["ed"].nearest is None


def test_names_that_draw_the_same_face_are_not_told_apart():
    rng = np.random.default_rng(0)
    same = [[face(1, *rng.normal(0, 0.3, 7)) for _ in range(4)] for _ in range(30)]
    found = judge_names([f"n{i}" for i in range(30)], same, LIMITS)
    assert np.mean([one.distinctness for one in found]) == pytest.approx(0.5, abs=0.2)
    left = [one for one in found if not one.kept]
    assert left
    assert all("of other names only" in one.reasons[0] for one in left)


def test_no_names_and_a_name_alone():
    with pytest.raises(ValueError, match="there are no names to judge"):
        judge_names([], [], LIMITS)
    [alone] = judge_names(["ada"], [[face(1)] * 2], LIMITS)
    assert (alone.distinctness, alone.nearest, alone.kept) == (None, None, True)


def test_the_page_shows_names_kept_and_left_out(tmp_path):
    faces = [[face(1)] * 2, [face(0, 1)] * 2, [None] * 2]
    names = ["ada", "bo", "cy"]
    pictures = {}
    for name in names:
        pictures[name] = tmp_path / f"{name}.png"
        Image.new("RGB", (32, 16), "red").save(pictures[name])
    made = report("Names", judge_names(names, faces, LIMITS), pictures, LIMITS, {"judge": "me"})
    assert made.lead == "2 of 3 names are kept."
    kept, left = made.galleries()
    assert [one.caption for one in kept.shown] == ["ada", "bo"]
    assert left.shown[0].caption == "cy; a face in 0% of its pictures; too few faces to compare"
    assert made.tables()[0].rows[0][:6] == ["ada", "kept", 1.0, 1.0, 1.0, "bo"]
    assert write_report(tmp_path / "out", made).is_file()
    nobody = report("Names", judge_names(["cy"], [[None] * 2], LIMITS), pictures, LIMITS, {})
    assert nobody.notices == ["No name is kept: the model knows none of them, or the limits are too high."]
