import pytest

from evaluation.groups import read_labels, report


def evaluation(worse_by=0.3, people=12):
    scores = [
        {
            "person": f"p{n}",
            "judges": {"a": {"given": None if n == 11 else 0.5 + 0.01 * n - (worse_by if n % 2 else 0)}},
        }
        for n in range(people)
        for _ in range(2)
    ]
    return {"judge": "a", "undetected": {"a": -0.1}, "scores": scores}


LABELS = {"sex": {f"p{n}": "female" if n % 2 else "male" for n in range(12)}, "age": {"p0": "old", "p1": "young"}}


def test_a_planted_gap_is_found_and_none_where_there_is_none():
    page = report(evaluation(), LABELS, "run")
    groups, gaps = page.tables()
    rows = {(row[0], row[1]): row for row in groups.rows}
    assert rows["sex", "male"][2:4] == [6, pytest.approx(0.55)]
    assert rows["sex", "female"][6] == pytest.approx(5 / 6), "nobody's face was found of p11"
    assert rows["age", "old"][4:6] == [None, None], "one person has no interval"
    assert [(row[0], row[1], row[2], row[3], row[7]) for row in gaps.rows] == [
        ("sex", "identity", "male", "female", "a gap"),
        ("sex", "face found", "male", "female", "no gap shown"),
    ]
    even = report(evaluation(0) | {"scores": evaluation(0)["scores"][:-2]}, LABELS, "run")
    assert even.tables()[1].rows[0][-1] == "no gap shown"


def test_small_groups_make_no_gap():
    page = report(evaluation(), {"age": LABELS["age"]}, "run")
    assert len(page.tables()) == 1
    assert "10 people have no label and are in no group, first p10" in page.notices[0]
    assert any("no gap is claimed" in notice for notice in page.notices)


def test_labels_are_read_and_what_is_wrong_is_said(tmp_path):
    (tmp_path / "a.csv").write_text("person,sex,age\nada,female,\nbo,male,old\n")
    assert read_labels(tmp_path / "a.csv") == {"sex": {"ada": "female", "bo": "male"}, "age": {"bo": "old"}}
    for text in ("", "name,sex\nada,f\n", "person\nada\n"):
        (tmp_path / "b.csv").write_text(text)
        with pytest.raises(ValueError, match="with the columns person and one for each label"):
            read_labels(tmp_path / "b.csv")
    with pytest.raises(FileNotFoundError, match="no table of labels"):
        read_labels(tmp_path / "c.csv")
    with pytest.raises(ValueError, match="nobody of this evaluation has a label: it has p0, p1"):
        report(evaluation(), {"sex": {"zoe": "female"}}, "run")
