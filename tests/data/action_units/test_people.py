from collections import Counter
from pathlib import Path

import pytest

from ldm.data.action_units.people import fold_of, folds, in_folds, read_people, require_disjoint, with_people
from ldm.data.action_units.sample import AuDataError, AuSample


def of(*subjects):
    return [AuSample(Path(f"{n}.jpg"), subject, meta={"gender": "female"}) for n, subject in enumerate(subjects)]


def test_a_users_table_says_who_people_are(tmp_path):
    (tmp_path / "p.csv").write_text("subject,gender,ethnicity,age\nF001,,Asian,young\nM001,male,,\n")
    people = read_people(tmp_path / "p.csv")
    assert people == {"F001": {"ethnicity": "Asian", "age": "young"}, "M001": {"gender": "male"}}
    first, other = with_people(of("F001", "F002"), people)
    assert first.meta == {"gender": "female", "ethnicity": "Asian", "age": "young"}
    assert other.meta == {"gender": "female"}
    (tmp_path / "p.csv").write_text("subject,gender\nF001, F\nM001,Male\nX,nonbinary\n")
    assert [one["gender"] for one in read_people(tmp_path / "p.csv").values()] == ["female", "male", "nonbinary"]
    with pytest.raises(
        AuDataError, match="tells of F001, M001, none of whom is a subject here; subjects are called F1"
    ):
        with_people(of("F1"), people)
    (tmp_path / "p.csv").write_text("name\nx\n")
    with pytest.raises(AuDataError, match="has the columns name; expected subject,gender"):
        read_people(tmp_path / "p.csv")
    with pytest.raises(AuDataError, match="there is no table"):
        read_people(tmp_path / "q.csv")


def test_the_literatures_folds_and_others_by_subject():
    assert [fold_of(subject, "bp4d") for subject in ("F001", "M011", "F007", "X")] == [1, 2, 3, None]
    assert fold_of("SN002", "disfa") == 1
    assert folds(of("F001", "M011", "F001"), "bp4d") == [1, 2, 1]
    samples = of(*"aaaabbbccd")
    dealt = folds(samples, "csv")
    assert sorted(Counter(dealt).values()) == [3, 3, 4]
    assert len({(one.subject, fold) for one, fold in zip(samples, dealt, strict=True)}) == 4, "nobody is in two"
    assert folds(samples, "csv") == dealt


def test_only_some_folds():
    samples = of("F001", "M011", "F007", "M007")
    assert [one.subject for one in in_folds(samples, "bp4d", "1, 3")] == ["F001", "F007", "M007"]
    with pytest.raises(AuDataError, match="there is no fold '4': there are 1, 2 and 3"):
        in_folds(samples, "bp4d", "1,4")
    with pytest.raises(AuDataError, match="of 1 pictures, none is of a subject in the folds 3"):
        in_folds(of("F001"), "bp4d", "3")


def test_a_subject_in_two_splits_is_an_error():
    require_disjoint({"train": {"a", "b"}, "test": {"c"}})
    with pytest.raises(AuDataError, match="subject b is in the splits train and test"):
        require_disjoint({"train": ["a", "b"], "test": ["b"]})
