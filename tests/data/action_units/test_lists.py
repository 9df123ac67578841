import pytest

from ldm.data.action_units.lists import read_lists
from ldm.data.action_units.sample import AuDataError, Oddities
from tests.data.action_units.trees import picture


def read(file, **options):
    odd = Oddities()
    return read_lists(file, odd, **options), odd.counts


@pytest.fixture
def pair(tmp_path):
    names = ["F001/T1/2440.jpg", "M002/T8/0001.jpg"]
    for name in names:
        picture(tmp_path / "img" / name)
    (tmp_path / "BP4D_test_img_path_fold1.txt").write_text("\n".join(names) + "\n")
    (tmp_path / "BP4D_test_label_fold1.txt").write_text("1 0 0 0 0 0 1 0 0 0 0 9\n0 0 0 0 0 0 0 0 0 0 0 1\n")
    return tmp_path


def test_a_pair_of_lists_is_found_by_its_names(pair):
    (first, second), odd = read(pair / "BP4D_test_img_path_fold1.txt", pictures=pair / "img")
    assert (first.subject, first.task, first.present) == ("F001", "T1", [1, 12])
    assert first.occurrence[24] is None
    assert (second.present, second.meta) == ([24], {"gender": "male"})
    assert (first.frame, second.frame) == (2440, 1)
    assert not odd


def test_a_listed_picture_is_found_whatever_its_padding(pair):
    (pair / "img" / "F001" / "T1" / "2440.jpg").rename(pair / "img" / "F001" / "T1" / "02440.jpg")
    samples, odd = read(pair / "BP4D_test_img_path_fold1.txt", pictures=pair / "img")
    assert [one.path.name for one in samples] == ["02440.jpg", "0001.jpg"]
    assert not odd


def test_lists_that_are_no_pair_are_refused(pair):
    file = pair / "BP4D_test_img_path_fold1.txt"
    (pair / "other.txt").write_text("1 0\n")
    with pytest.raises(AuDataError, match=r"has 2 pictures, .*other.txt has 1 labels: they are no pair"):
        read(file, labels=pair / "other.txt", pictures=pair / "img")
    (pair / "BP4D_test_label_fold1.txt").unlink()
    with pytest.raises(AuDataError, match="labels are not found: expected lines name:0,1"):
        read(file, pictures=pair / "img")
    with pytest.raises(AuDataError, match="there is no list"):
        read(pair / "nothing.txt")


def test_the_older_list_of_names_and_values(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        picture(tmp_path / name)
    lines = [
        "b.jpg:0,0,0,0,0,0,1,0,0,0,0,0",
        "a.jpg:1,0,0,0,0,0,0,0,0,0,0,0",
        "gone.jpg:" + "0," * 11 + "0",
        "a.jpg:1,0",
    ]
    (tmp_path / "all_imgs.txt").write_text("\n".join([*lines, lines[0]]))
    samples, odd = read(tmp_path / "all_imgs.txt")
    assert [(one.path.name, one.present) for one in samples] == [("b.jpg", [12]), ("a.jpg", [1])]
    assert odd == {"label without picture": 1, "broken row (12 values wanted)": 1, "duplicated frame": 1}
