"""Judge against judge: rank correlation on the same pictures, and the section it writes."""

import json

import numpy as np
import pytest

from evaluation.agreement import Scored, agreements, rank_correlation
from evaluation.studies import document, judges


def scored(people=6, pictures=10, noise=0.0, offset=0.0):
    """Two judges that see the same order up to noise, on scales of their own; people are easier or harder."""
    rng = np.random.default_rng(1)
    rows = []
    for person in range(people):
        for _ in range(pictures):
            likeness = rng.normal() + offset * person
            rows.append(Scored(f"p{person}", {"a": likeness, "b": np.exp(likeness + noise * rng.normal())}))
    return rows


def test_order_counts_and_not_scale():
    [found] = agreements(scored())
    assert (found.judges, found.scores, found.people) == (("a", "b"), 60, 6)
    assert found.rank == pytest.approx(1)
    assert (found.low, found.high) == pytest.approx((1, 1))
    assert found.within == pytest.approx(1)
    assert found.faces == 1


def test_people_who_are_easier_do_not_make_judges_agree_within_a_person():
    [found] = agreements(scored(noise=5.0, offset=20.0))
    assert found.rank > 0.8
    assert found.low < found.rank
    assert found.within < 0.6


def test_pictures_without_a_face():
    rows = [*scored(2, 3), Scored("p0", {"a": float("nan"), "b": 0.3}), Scored("p0", {"a": np.nan, "b": np.nan})]
    [found] = agreements(rows)
    assert found.scores == 6
    assert found.faces == pytest.approx(7 / 8)
    [none] = agreements([Scored("p", {"a": np.nan, "b": 1.0})])
    assert (none.scores, none.rank, none.low, none.within, none.faces) == (0, None, None, None, 0)
    assert none.row() == ["a, b", 0, None, None, None, None, 0.0]


def test_too_little_to_say():
    assert rank_correlation(np.array([[1.0, 2.0], [2.0, 3.0]])) is None
    assert rank_correlation(np.array([[1.0, 2.0]] * 5)) is None
    [alone] = agreements(scored(people=1))
    assert (alone.low, alone.high) == (None, None)
    with pytest.raises(ValueError, match="no pictures to compare judges on"):
        agreements([])
    with pytest.raises(ValueError, match=r"one judge alone \(a\) cannot agree: score the pictures by two"):
        agreements([Scored("p", {"a": 1.0})])


def evaluation(folder, people=3, speed=3.5):
    rows = [
        {"person": one.person, "judges": {name: {"given": float(v), "others": None} for name, v in one.cosines.items()}}
        for one in scored(people)
    ]
    rows[0]["judges"]["a"]["given"] = None
    for row in rows:
        row["judges"] = {"yunet+sface": row["judges"]["a"], "yunet+dlib": row["judges"]["b"]}
    folder.mkdir()
    report = {"kind": "personalization", "scores": rows, "settings": {"pictures judged a second": speed}}
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def test_the_section_of_evaluations(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(judges, "replace_section", lambda t, b: document.replace_section(t, b, tmp_path / "m.md"))
    folders = [evaluation(tmp_path / "one"), evaluation(tmp_path / "two", speed=5)]
    [found] = judges.run(folders, tmp_path / "out", True)
    assert (found.people, found.scores) == (6, 58), "people of different runs are different people"
    written = (tmp_path / "m.md").read_text()
    assert "## Judge against judge" in written
    assert "of 6 people that `evaluate personalization` drew of\n2 runs" in written
    assert "`yunet+sface` on 1530 people; `yunet+dlib` on 300 people" in written
    assert "Together they judged 3.5 to 5 pictures a second, one picture at a time." in written
    assert "| yunet+sface, yunet+dlib | 58 | 1.000 |" in capsys.readouterr().out
    assert json.loads((tmp_path / "out/judges.json").read_text())[0]["scores"] == 58


def test_a_folder_without_an_evaluation(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no report.json: `evaluate personalization` writes one"):
        judges.run([tmp_path], tmp_path, False)
