import pytest

from ldm.data.celeba import ATTRIBUTES, read_celeba
from tests.conftest import needs_shared
from tests.data.celeba_folder import write_csv, write_pictures, write_txt

ROWS = {"b.jpg": ["Smiling", "Young"], "a.jpg": ["Male"], "c.jpg": []}
PEOPLE = {"b.jpg": ("12", 0), "a.jpg": ("13", 2), "c.jpg": ("12", 0)}


def read(folder):
    return [(p.path.name, p.attributes, p.identity, p.partition) for p in read_celeba(folder)]


WHOLE = [("b.jpg", ("Smiling", "Young"), "12", 0), ("a.jpg", ("Male",), "13", 2), ("c.jpg", (), "12", 0)]


def test_there_are_forty_attributes():
    assert len(ATTRIBUTES) == 40


def test_one_table_with_everything(tmp_path):
    write_csv(tmp_path / "attributes.csv", ROWS, PEOPLE)
    write_pictures(tmp_path / "images", list(ROWS))
    assert read(tmp_path) == WHOLE


@pytest.mark.parametrize("place", ["img_align_celeba", "img_align_celeba/img_align_celeba"])
@pytest.mark.parametrize("kind", ["txt", "csv"])
def test_the_official_and_the_kaggle_form_say_the_same(tmp_path, kind, place):
    write_pictures(tmp_path / place, list(ROWS))
    if kind == "txt":
        write_txt(tmp_path / "list_attr_celeba.txt", ROWS)
        (tmp_path / "list_eval_partition.txt").write_text("b.jpg 0\na.jpg 2\nc.jpg 0\n")
    else:
        write_csv(tmp_path / "list_attr_celeba.csv", ROWS)
        (tmp_path / "list_eval_partition.csv").write_text("image_id,partition\nb.jpg,0\na.jpg,2\nc.jpg,0\n")
    assert read(tmp_path) == [(file, true, None, partition) for file, true, _, partition in WHOLE]
    (tmp_path / "identity_CelebA.txt").write_text("b.jpg 12\na.jpg 13\nc.jpg 12\n")
    assert read(tmp_path) == WHOLE


def test_a_table_that_does_not_match_the_pictures_is_refused(tmp_path, caplog):
    write_csv(tmp_path / "attributes.csv", ROWS, PEOPLE)
    with pytest.raises(FileNotFoundError, match=r"holds no pictures: CelebA's lie in images, img_align"):
        read_celeba(tmp_path)
    write_pictures(tmp_path / "images", ["x.jpg", "a.jpg"])
    with pytest.raises(ValueError, match=r"says nothing of 1 pictures in .*images, first x\.jpg"):
        read_celeba(tmp_path)
    (tmp_path / "images" / "x.jpg").unlink()
    assert [row[0] for row in read(tmp_path)] == ["a.jpg"]
    assert "names 2 pictures that are not in" in caplog.text


def test_missing_columns_and_odd_values_are_named(tmp_path):
    table = tmp_path / "attributes.csv"
    with pytest.raises(FileNotFoundError, match=r"holds no table of attributes: CelebA needs one of attributes\.csv"):
        read_celeba(tmp_path)
    table.write_text("file,Male\na.jpg,1\n")
    with pytest.raises(ValueError, match="lacks the column image_id; it has file, Male"):
        read_celeba(tmp_path)
    table.write_text("image_id,Male\na.jpg,1\n")
    with pytest.raises(ValueError, match="lacks 39 of CelebA's 40 attributes: 5_o_Clock_Shadow, Arched_Eyebrows"):
        read_celeba(tmp_path)
    write_csv(table, ROWS, PEOPLE)
    table.write_text(table.read_text().replace("b.jpg,12,0,-1", "b.jpg,12,0,0"))
    with pytest.raises(ValueError, match=r"5_o_Clock_Shadow of b\.jpg is '0'; an attribute is 1 or -1"):
        read_celeba(tmp_path)


def test_a_text_table_that_was_cut_off_is_refused(tmp_path):
    write_txt(tmp_path / "list_attr_celeba.txt", ROWS)
    table = tmp_path / "list_attr_celeba.txt"
    lines = table.read_text().splitlines()
    table.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(ValueError, match="announces 3 pictures and lists 2: was it cut off"):
        read_celeba(tmp_path)
    table.write_text("\n".join([*lines[:-1], lines[-1][:-3]]) + "\n")
    with pytest.raises(ValueError, match="line 5: 39 values for 40 attributes"):
        read_celeba(tmp_path)
    table.write_text("\n".join(lines[1:]))
    with pytest.raises(ValueError, match="its first line is the number of pictures"):
        read_celeba(tmp_path)


@needs_shared
def test_the_development_copy_is_read_whole(shared_data):
    pictures = read_celeba(shared_data / "celeba")
    assert len(pictures) == 5533
    assert len({p.identity for p in pictures}) == 269
    assert {p.partition for p in pictures} == {0, 2}
