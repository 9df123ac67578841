import pytest

from evaluation.compare import compare


def evaluation(gain, detected=True, people=5, judge="a", others=True):
    scores = [
        {
            "person": f"p{person}",
            "prompt": "x",
            "seed": seed,
            "prompt_score": None,
            "sharpness": 1.0,
            "judges": {
                judge: {"given": 0.1 * person + gain if detected else None, "others": 0.2 if detected else None}
            },
        }
        for person in range(people)
        for seed in range(2)
    ]
    ceilings = {judge: {f"p{person}": 0.7 if others else None for person in range(people)}}
    return {"scores": scores, "undetected": {judge: -0.1}, "ceilings": ceilings}


def rows(first, second):
    table = compare(first, second, ("one", "two")).tables()[0]
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_a_better_run_wins_on_every_person():
    row = rows(evaluation(0.1), evaluation(0.0))["a, identity"]
    assert row["difference"] == pytest.approx(0.1)
    assert row["low"] == pytest.approx(0.1)
    assert (row["people"], row["verdict"]) == (5, "first")
    assert rows(evaluation(0.0), evaluation(0.1))["a, identity"]["verdict"] == "second"
    assert rows(evaluation(0.0), evaluation(0.0))["sharpness"]["verdict"] == "no difference shown"


def test_a_face_that_is_not_found_counts_and_is_not_left_out():
    found = rows(evaluation(0.0), evaluation(0.0, detected=False))
    assert found["a, identity"]["second"] == pytest.approx(-0.1)
    assert found["a, other photos"]["difference"] == pytest.approx(0.3)


def test_what_nobody_has_is_no_row():
    assert list(rows(evaluation(0, others=False), evaluation(0, others=False))) == ["a, identity", "sharpness"]


def test_what_has_no_partner_is_said_and_one_person_has_no_interval():
    made = compare(evaluation(0.1, people=1), evaluation(0.0), ("one", "two"))
    assert made.notices == ["8 scores have no partner and are left out."]
    assert made.tables()[0].rows[0][4:] == [None, None, 1, "one person: no interval"]


def test_runs_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="no judge scored both one and two"):
        compare(evaluation(0), evaluation(0, judge="b"), ("one", "two"))
    empty = evaluation(0) | {"scores": []}
    with pytest.raises(ValueError, match="no picture of the same person, prompt and seed"):
        compare(evaluation(0), empty, ("one", "two"))
