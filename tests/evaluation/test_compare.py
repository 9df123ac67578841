import pytest

from evaluation.compare import compare


def evaluation(gain, detected=True, people=5, judge="a", others=True, part="held out"):
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
    tables = {"judges": [{"judge": judge, "part": part}]}
    return {"scores": scores, "undetected": {judge: -0.1}, "ceilings": ceilings, "tables": tables}


def with_judge(one, name, gain, part):
    """The evaluation with a second judge beside "a", whose cosines are higher by ``gain``."""
    scores = []
    for score in one["scores"]:
        said = score["judges"]["a"]
        scores.append(score | {"judges": {"a": said, name: {**said, "given": said["given"] + gain}}})
    return {
        "scores": scores,
        "undetected": one["undetected"] | {name: -0.1},
        "ceilings": one["ceilings"] | {name: one["ceilings"]["a"]},
        "tables": {"judges": [*one["tables"]["judges"], {"judge": name, "part": part}]},
    }


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
    with pytest.raises(ValueError, match="no picture of the same people, prompt and seed"):
        compare(evaluation(0), empty, ("one", "two"))
    mixed = evaluation(0)
    mixed["scores"] += evaluation(0.3)["scores"]
    with pytest.raises(ValueError, match="two has different scores of p0, 'x', seed 0: it mixes steps or settings"):
        compare(evaluation(0), mixed, ("one", "two"))
    twice = evaluation(0)
    twice["scores"] += evaluation(0)["scores"]  # a prompt that is listed twice gives the same picture twice
    assert rows(evaluation(0), twice)["a, identity"]["people"] == 5


@pytest.mark.parametrize("which", [0, 1])
def test_a_judge_that_conditioned_a_run_is_named_and_never_decides_alone(which):
    parts = ["held out", "held out"]
    parts[which] = "conditioned the model"
    pair = [evaluation(gain, part=part) for gain, part in zip((0.1, 0.0), parts, strict=True)]
    with pytest.raises(ValueError, match=r"a conditioned one or two and cannot be the only judge of both: .*--judge"):
        compare(*pair, ("one", "two"))
    pair = [with_judge(evaluation(0.0), "b", gain, part) for gain, part in zip((0.1, 0.0), parts, strict=True)]
    made = compare(*pair, ("one", "two"))
    named = ("one", "two")[which]
    assert [row[0] for row in made.tables()[0].rows] == [
        "a, identity",
        "a, other photos",
        f"b, identity (conditioned {named})",
        f"b, other photos (conditioned {named})",
        "sharpness",
    ]
    assert made.notices == ["b had a part in training: these rows flatter, and decide nothing alone."]


def test_one_person_beside_two_others_is_compared_with_each():
    people = ("p0", "p1", "p2")
    together = [(people[i], people[j]) for i in range(3) for j in range(3) if i != j]

    def pairs(gain):
        made = evaluation(0)
        one = made["scores"][0]
        for place, two in enumerate(together):
            for person in two:
                said = {"given": 0.1 * place + gain, "others": 0.2}
                made["scores"].append(one | {"person": person, "people": list(two), "judges": {"a": said}})
        made["scores"] = made["scores"][10:]
        return made

    made = compare(pairs(0.1), pairs(0.0), ("one", "two"))
    assert made.lead == "12 pairs of scores of the same people, prompt and seed; 3 people."
    assert made.notices == []
    assert made.tables()[0].rows[0][1] == pytest.approx(0.35), "all 12 count"
    alone = pairs(0.0)
    alone["scores"] = [{key: value for key, value in score.items() if key != "people"} for score in alone["scores"]]
    with pytest.raises(ValueError, match=r"two has different scores of p0, .* or does not say who stood beside"):
        compare(pairs(0.1), alone, ("one", "two"))
