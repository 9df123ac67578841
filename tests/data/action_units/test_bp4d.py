import pytest

from ldm.data.action_units.bp4d import FOLDS, read_bp4d
from ldm.data.action_units.facs import BP4D
from ldm.data.action_units.sample import AuDataError, Oddities
from tests.data.action_units.trees import bp4d, bp4d_intensity, picture

ALL = dict.fromkeys(BP4D, 0)


def read(root, strict=False, **options):
    odd = Oddities(strict)
    return read_bp4d(root, odd, **options), odd.counts


@pytest.mark.parametrize("digits", [0, 3, 4, 6])
def test_what_was_written_is_read_whatever_the_padding(tmp_path, digits):
    rows = {7: {**ALL, 12: 1, 6: 1}, 2440: {**ALL, 4: 1, 24: 9}}
    samples, odd = read(bp4d(tmp_path, "F001", "T1", rows, digits))
    assert not odd
    assert [(one.subject, one.task, one.frame, one.present) for one in samples] == [
        ("F001", "T1", 7, [6, 12]),
        ("F001", "T1", 2440, [4]),
    ]
    assert [int(one.path.stem) for one in samples] == [7, 2440]
    assert samples[0].meta == {"gender": "female", "age": "young"}
    assert samples[1].occurrence[24] is None, "9 is unknown"
    assert samples[0].occurrence[24] is False
    assert list(samples[0].occurrence) == list(BP4D), "columns are found by their header: AU3 and others are not taken"


def test_intensities_go_with_occurrences_and_stand_alone(tmp_path):
    root = bp4d(tmp_path, "M002", "T3", {1: {12: 1}, 2: {12: 0, 6: 1}})
    bp4d_intensity(root, "M002", "T3", 12, {1: 4, 2: 9})
    bp4d_intensity(root, "M002", "T3", 10, {1: 0, 2: 1})
    (first, second), odd = read(root)
    assert first.intensity == {12: 4.0, 10: 0.0}
    assert second.intensity == {12: None, 10: 1.0}
    assert (first.occurrence[12], first.occurrence[10]) == (True, None), "what people coded comes before intensities"
    assert not odd
    alone = bp4d_intensity(tmp_path / "alone", "F003", "T1", 12, {5: 2, 6: 0})
    for frame in (5, 6):
        picture(alone / "F003" / "T1" / f"{frame}.jpg")
    assert [one.occurrence for one in read(alone)[0]] == [{12: True}, {12: False}]


def test_labels_without_pictures_and_pictures_without_labels(tmp_path):
    root = bp4d(tmp_path, "F001", "T1", {1: ALL, 2: ALL, 3: ALL})
    (root / "F001" / "T1" / "2.jpg").unlink()
    picture(root / "F001" / "T1" / "0009.jpg")
    picture(root / "F001" / "T1" / "0003.jpg")
    picture(root / "F001" / "T1" / "thumb.jpg")
    samples, odd = read(root)
    assert [one.frame for one in samples] == [1, 3]
    assert odd == {
        "label without picture": 1,
        "picture without label": 1,
        "duplicated frame": 1,
        "picture without a number": 1,
    }
    bp4d(root, "F009", "T2", {1: ALL})
    for path in (root / "F009" / "T2").iterdir():
        path.unlink()
    (root / "F009" / "T2").rmdir()
    assert read(root)[1]["label without picture"] == 2
    for frame in (1, 2):
        picture(root / "M001" / "T3" / f"{frame}.jpg")
    assert read(root)[1]["picture without label"] == 1 + 2, "a whole task without coding"


def test_odd_cells_and_rows_are_counted_and_never_become_absent(tmp_path):
    root = bp4d(tmp_path, "F001", "T1", {1: {**ALL, 1: 3}, 2: {}, 4: ALL})
    coding = root / "AUCoding" / "AU_OCC" / "F001_T1.csv"
    lines = coding.read_text().splitlines()
    coding.write_text("\n".join([*lines, "x,1,1", "5,1", lines[-1], ""]))
    samples, odd = read(root)
    assert odd == {
        "occurrence that is not 0, 1 or 9": 1,
        "row in which every unit is unknown": 1,
        "broken row": 2,
        "duplicated frame": 1,
    }
    assert [one.frame for one in samples] == [1, 4]
    assert samples[0].occurrence[1] is None


def test_a_unit_that_was_not_coded_and_a_file_without_header(tmp_path):
    root = bp4d(tmp_path, "F001", "T1", {1: ALL})
    coding = root / "AUCoding" / "AU_OCC" / "F001_T1.csv"
    coding.write_text("0,1,2\n1,1,0\n")
    (root / "AUCoding" / "AU_OCC" / "F001_T2.csv").write_text("1,1,0\n")
    samples, odd = read(root, units=(1, 12))
    assert samples[0].occurrence == {1: True}
    assert odd == {"coding without AU12": 1, "coding file without a header row": 1}


def test_strict_stops_at_the_first(tmp_path):
    root = bp4d(tmp_path, "F001", "T1", {1: ALL})
    picture(root / "F001" / "T1" / "2.jpg")
    with pytest.raises(AuDataError, match=r"F001/T1, frame 2: picture without label \(strict"):
        read(root, strict=True)


def test_another_layout_is_said(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(
        AuDataError, match=r"does not look like BP4D: found images; expected AUCoding/AU_OCC/F001_T1.csv"
    ):
        read(tmp_path)
    with pytest.raises(AuDataError, match="found no such folder"):
        read(tmp_path / "nothing")
    root = bp4d(tmp_path / "x", "F001", "T1", {1: {}})
    with pytest.raises(AuDataError, match="of 1 pictures with labels, none has a unit that is known"):
        read(root)


def test_the_folds_are_the_41_subjects_once_each():
    subjects = [subject for fold in FOLDS for subject in fold]
    women, men = (sorted(s for s in subjects if s[0] == sex) for sex in "FM")
    assert women == [f"F{n:03d}" for n in range(1, 24)]
    assert men == [f"M{n:03d}" for n in range(1, 19)]
