from dataclasses import replace

import pytest

from ldm.data.action_units.sample import AuDataError, AuSample, Oddities
from ldm.data.action_units.tables import TABLES, read_table, write_table
from tests.data.action_units.trees import picture


def read(file, table="plain", **options):
    odd = Oddities()
    declared = {key: options.pop(key) for key in ("named", "graded") if key in options}
    columns = replace(TABLES[table], **declared)
    return read_table(file, odd, columns, **options), odd.counts


@pytest.fixture
def pictures(tmp_path):
    return [picture(tmp_path / "anna" / f"{n}.jpg") for n in range(3)]


def test_what_was_written_is_read_back(tmp_path, pictures):
    samples = [
        AuSample(pictures[0], "anna", "T1", 7, {1: True, 12: None}, {12: 2.5}, {"gender": "female"}),
        AuSample(pictures[1], "bert", "", None, {1: False, 12: True}, {12: None}, {}),
    ]
    write_table(tmp_path / "labels.csv", samples, tmp_path, {"fold": [1, 2]})
    back, odd = read(tmp_path / "labels.csv")
    assert not odd
    assert [(one.path, one.subject, one.task, one.frame, one.meta) for one in back] == [
        (one.path, one.subject, one.task, one.frame, one.meta) for one in samples
    ]
    assert [one.intensity for one in back] == [one.intensity for one in samples]
    assert back[0].occurrence == {1: True, 12: None}
    assert back[1].occurrence == {1: False, 12: True}
    assert (tmp_path / "labels.csv").read_text().splitlines()[0].endswith("AU1,AU12,AU12_intensity,fold")


def test_a_subject_is_the_folder_where_no_column_says(tmp_path, pictures):
    (tmp_path / "t.csv").write_text("path,AU06,au12\nanna/0.jpg,1,nan\nanna/1.jpg,,0\nanna/1.jpg,1,1\nanna/9.jpg,1,1\n")
    samples, odd = read(tmp_path / "t.csv")
    assert [(one.subject, one.occurrence) for one in samples] == [
        ("anna", {6: True, 12: None}),
        ("anna", {6: None, 12: False}),
    ]
    assert odd == {"duplicated frame": 1, "label without picture": 1}


def test_openface_by_frame_and_both_kinds_of_columns(tmp_path, pictures):
    header = "frame, face_id, confidence, AU12_r, AU45_r, AU12_c\n"
    (tmp_path / "o.csv").write_text(header + "0, 0, 0.98, 3.20, 0.40, 1\n2, 0, 0.9, 7, 1.5, 0\n5, 0, 0.9, 1, 1, 1\n")
    samples, odd = read(tmp_path / "o.csv", "openface", pictures=tmp_path / "anna")
    assert [one.path.name for one in samples] == ["0.jpg", "2.jpg"]
    assert samples[0].occurrence == {12: True, 45: False}, "trace is 1; a unit that was classified keeps its class"
    assert samples[0].intensity == {12: 3.2, 45: 0.4}
    assert samples[1].intensity[12] is None
    assert odd == {"intensity outside 0 to 5": 1, "label without picture": 1, "picture without label": 1}


def test_pyfeat_gives_probabilities(tmp_path, pictures):
    (tmp_path / "p.csv").write_text("input,AU01,AU12\nanna/0.jpg,0.2,0.7\nanna/1.jpg,,1.4\n")
    samples, odd = read(tmp_path / "p.csv", "pyfeat")
    assert samples[0].occurrence == {1: False, 12: True}
    assert odd == {"probability outside 0 to 1": 1, "row in which every unit is unknown": 1}


def test_celebas_attributes_say_two_units(tmp_path, pictures):
    (tmp_path / "c.csv").write_text(
        "image_id,identity,Smiling,Mouth_Slightly_Open\nanna/0.jpg,17,1,-1\nanna/1.jpg,18,-1,1\n"
    )
    samples, _ = read(tmp_path / "c.csv", "celeba")
    assert [(one.subject, one.occurrence) for one in samples] == [
        ("17", {12: True, 25: False}),
        ("18", {12: False, 25: True}),
    ]


def test_columns_whose_names_are_wrong_are_named(tmp_path, pictures):
    (tmp_path / "o.csv").write_text("path,AU02_c\nanna/0.jpg,1\n")
    samples, _ = read(tmp_path / "o.csv", "openface", named={6: "AU02_c"}, units=[6])
    assert samples[0].occurrence == {6: True}
    with pytest.raises(AuDataError, match="there is no column 'AU9_c'; there are path, AU02_c"):
        read(tmp_path / "o.csv", "openface", named={6: "AU9_c"})
    (tmp_path / "o.csv").write_text("path,AU02_r,AU04_r\nanna/0.jpg,3.5,0\n")
    samples, _ = read(tmp_path / "o.csv", "openface", graded={6: "AU02_r"})
    assert samples[0].intensity == {4: 0, 6: 3.5}, "the column says nothing of AU2"
    assert samples[0].occurrence == {4: False, 6: True}


def test_a_row_without_a_face_says_nothing(tmp_path, pictures):
    rows = "frame, success, AU12_r, AU12_c\n0, 1, 2.0, 1\n1, 0, 0.00, 0\n2, 1, 0.00, 0\n"
    (tmp_path / "o.csv").write_text(rows)
    samples, odd = read(tmp_path / "o.csv", "openface", pictures=tmp_path / "anna")
    assert [(one.frame, one.occurrence) for one in samples] == [(0, {12: True}), (2, {12: False})]
    assert odd == {"no face in the picture": 1}


def test_broken_rows_are_counted(tmp_path, pictures):
    (tmp_path / "t.csv").write_text("path,AU1,AU12\nanna/0.jpg,1\nanna/1.jpg,1,0,1\nanna/2.jpg,1,0\n")
    samples, odd = read(tmp_path / "t.csv")
    assert [one.path.name for one in samples] == ["2.jpg"]
    assert odd == {"broken row": 2}


def test_a_picture_is_found_by_its_number(tmp_path):
    picture(tmp_path / "anna" / "0012.jpg")
    (tmp_path / "t.csv").write_text("path,AU1\nanna/12.jpg,1\nanna/012.jpg,0\nanna/x12.jpg,0\n")
    samples, odd = read(tmp_path / "t.csv")
    assert [one.path.name for one in samples] == ["0012.jpg"]
    assert odd == {"duplicated frame": 1, "label without picture": 1}


def test_a_unit_that_the_table_lacks_and_a_table_of_something_else(tmp_path, pictures):
    (tmp_path / "t.csv").write_text("path,AU1\nanna/0.jpg,1\n")
    assert read(tmp_path / "t.csv", units=[1, 12])[1] == {"coding without AU12": 1}
    (tmp_path / "x.csv").write_text("name,smile\na,1\n")
    with pytest.raises(AuDataError, match=r"has the columns name, smile; expected one of path, .* and units like"):
        read(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("path,AU1\n")
    with pytest.raises(AuDataError, match="of 0 pictures with labels"):
        read(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("")
    with pytest.raises(AuDataError, match="has the columns none"):
        read(tmp_path / "x.csv")
    with pytest.raises(AuDataError, match="there is no table"):
        read(tmp_path / "y.csv")
