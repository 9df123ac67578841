import pytest

from ldm.data.action_units.disfa import FOLDS, read_disfa
from ldm.data.action_units.sample import AuDataError, Oddities
from tests.data.action_units.trees import disfa, picture


def read(root, **options):
    odd = Oddities()
    return read_disfa(root, odd, **{"units": (1, 12)} | options), odd.counts


@pytest.mark.parametrize(("first", "name"), [(0, "{}.png"), (0, "{:05d}.png"), (1, "{}.jpg"), (1, "SN001_{:04d}.jpg")])
def test_labels_from_1_meet_pictures_from_0_or_1(tmp_path, first, name):
    samples, odd = read(disfa(tmp_path, "SN001", {1: [0, 1, 2], 12: [5, 3, 0]}, first, name))
    assert not odd
    assert [one.intensity for one in samples] == [{1: 0, 12: 5}, {1: 1, 12: 3}, {1: 2, 12: 0}]
    assert [one.present for one in samples] == [[12], [12], [1]], "present from 2 on"
    assert [one.path.name for one in samples] == [name.format(first + n) for n in range(3)]


def test_the_shorter_of_labels_and_pictures_counts(tmp_path):
    root = disfa(tmp_path, "SN002", {1: [0, 0, 0], 12: [1, 1, 1]})
    (root / "img" / "SN002" / "2.png").unlink()
    samples, odd = read(root)
    assert [one.frame for one in samples] == [1, 2]
    assert odd == {"label without picture": 1}


def test_odd_lines_are_counted(tmp_path):
    root = disfa(tmp_path, "SN003", {1: [0, 0, 0, 0], 12: [1, 1, 9, 7]})
    file = root / "ActionUnit_Labels" / "SN003" / "SN003_au1.txt"
    file.write_text(file.read_text() + "2,3\nbroken\n1;2\n\n")
    samples, odd = read(root)
    assert odd == {"duplicated frame": 1, "broken row": 2, "intensity outside 0 to 5": 1}
    assert [one.intensity[12] for one in samples] == [1, 1, None, None]


def test_what_is_missing_is_counted(tmp_path):
    root = disfa(tmp_path, "SN001", {12: [1, 2]})
    disfa(root, "SN004", {1: [1, 2], 12: [0, 0]})
    for path in (root / "img" / "SN004").iterdir():
        path.unlink()
    samples, odd = read(root)
    assert odd == {"coding without AU1": 1, "label without picture": 2}
    assert {one.subject for one in samples} == {"SN001"}
    picture(root / "img" / "SN005" / "0.png")
    assert read(root)[1]["picture without label"] == 1


def test_another_layout_is_said(tmp_path):
    (tmp_path / "labels.csv").write_text("x")
    with pytest.raises(
        AuDataError, match=r"does not look like DISFA: found labels.csv; expected ActionUnit_Labels/SN001"
    ):
        read(tmp_path)


def test_the_folds_are_the_27_subjects_once_each():
    subjects = sorted(subject for fold in FOLDS for subject in fold)
    numbers = [*range(1, 14), 16, 17, 18, 21, *range(23, 33)]
    assert subjects == [f"SN{n:03d}" for n in numbers]
