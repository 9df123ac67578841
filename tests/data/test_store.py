import numpy as np
import pytest

from ldm.data.store import PictureStore, write_store


def items(count, size=8):
    draws = np.random.default_rng(0)
    for i in range(count):
        row = {"file": f"{i}.jpg", "split": "train" if i % 3 else "val", "source": "lfw", "name": "Beyoncé"}
        yield draws.integers(0, 256, (size, size, 3), dtype=np.uint8), row


def test_pictures_and_rows_come_back(tmp_path):
    assert write_store(tmp_path / "store", items(7), {"crop": "ffhq"}) == 7
    store = PictureStore(tmp_path / "store")
    assert isinstance(store.pictures, np.memmap), "thousands of pictures are not read into memory"
    for place, (picture, row) in enumerate(items(7)):
        np.testing.assert_array_equal(store.pictures[place], picture)
        assert store.rows[place] == row
    assert store.about == {"crop": "ffhq", "num_pictures": 7, "size_px": 8}
    assert "Beyoncé" in (tmp_path / "store" / "rows.jsonl").read_text(encoding="utf-8")


def test_pictures_are_selected_by_all_that_is_wanted(tmp_path):
    write_store(tmp_path, items(7), {})
    store = PictureStore(tmp_path)
    assert store.select(split="val").tolist() == [0, 3, 6]
    assert store.select(split="val", file="3.jpg").tolist() == [3]
    assert store.select(split="test").tolist() == []


def test_a_folder_that_is_no_store_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no picture store: it lacks pictures\.npy, rows\.jsonl, about\.json"):
        PictureStore(tmp_path)
    write_store(tmp_path, items(3), {})
    (tmp_path / "about.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks about\.json. Make one with `python -m ldm prepare`"):
        PictureStore(tmp_path)


def test_rows_that_do_not_fit_the_pictures_are_refused(tmp_path):
    write_store(tmp_path, items(3), {})
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(ValueError, match="3 pictures but 2 rows; prepare it again"):
        PictureStore(tmp_path)


def test_a_store_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no pictures to store"):
        write_store(tmp_path, iter(()), {})
    assert list(tmp_path.iterdir()) == []
