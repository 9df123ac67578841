import hashlib

import numpy as np
import pytest

from ldm.data.store import PictureStore, PictureWriter, write_store


def items(count, size=8):
    draws = np.random.default_rng(0)
    for i in range(count):
        row = {"file": f"{i}.jpg", "split": "train" if i % 3 else "val", "source": "lfw", "name": "Beyoncé"}
        yield draws.integers(0, 256, (size, size, 3), dtype=np.uint8), row


def test_pictures_and_rows_come_back(tmp_path):
    assert write_store(tmp_path / "store", items(7), {"crop": "ffhq"}) == 7
    store = PictureStore(tmp_path / "store")
    assert store.pictures.shape == (7, 8, 8, 3)
    np.testing.assert_array_equal(store.pictures[np.array([3, 1])][1], store.pictures[1])
    for place, (picture, row) in enumerate(items(7)):
        np.testing.assert_array_equal(store.pictures[place], picture)
        assert store.rows[place] == row
    content = hashlib.sha256((tmp_path / "store" / "pictures.bin").read_bytes()).hexdigest()
    assert store.about == {"crop": "ffhq", "num_pictures": 7, "size_px": 8, "quality": 100, "sha256": content}
    assert "Beyoncé" in (tmp_path / "store" / "rows.jsonl").read_text(encoding="utf-8")


def test_pictures_are_selected_by_all_that_is_wanted(tmp_path):
    write_store(tmp_path, items(7), {})
    store = PictureStore(tmp_path)
    assert store.select(split="val").tolist() == [0, 3, 6]
    assert store.select(split="val", file="3.jpg").tolist() == [3]
    assert store.select(split="test").tolist() == []


def test_a_folder_that_is_no_store_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no picture store: it lacks pictures\.bin, rows\.jsonl, about\.json"):
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


def test_a_store_of_an_earlier_version_is_read(tmp_path):
    pictures = np.stack([picture for picture, _ in items(3)])
    np.save(tmp_path / "pictures.npy", pictures)
    (tmp_path / "rows.jsonl").write_text('{"split": "train"}\n' * 3)
    (tmp_path / "about.json").write_text('{"size_px": 8}')
    store = PictureStore(tmp_path)
    np.testing.assert_array_equal(store.pictures[1], pictures[1])
    assert isinstance(store.pictures, np.memmap)
    assert store.size_px == 8


def test_a_writer_goes_on_where_it_was_stopped(tmp_path):
    whole = list(items(6))
    first = PictureWriter(tmp_path, 8, settings={"crop": "ffhq"})
    for picture, row in whole[:3]:
        first.add(row, picture)
    first.add({"file": "none.jpg", "split": "train"}, None)
    with (tmp_path / "pictures.bin").open("ab") as file:
        file.write(b"half a picture")
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"file": "cut o')
    with pytest.raises(FileNotFoundError, match=r"lacks about\.json\. was begun but not finished: prepare it again"):
        PictureStore(tmp_path)
    again = PictureWriter(tmp_path, 8, settings={"crop": "ffhq"})
    assert [row["file"] for row in again.rows] == ["0.jpg", "1.jpg", "2.jpg", "none.jpg"]
    for picture, row in whole[3:]:
        again.add(row, picture)
    assert again.finish() == 6, "what was lost is no picture"
    store = PictureStore(tmp_path)
    for place, (picture, row) in enumerate(whole):
        np.testing.assert_array_equal(store.pictures[place], picture)
        assert store.rows[place] == row


def test_a_store_begun_with_other_settings_is_not_mixed(tmp_path):
    PictureWriter(tmp_path, 8).add({"file": "a"}, np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match=r"was begun with other settings .* choose another folder"):
        PictureWriter(tmp_path, 16)
    with pytest.raises(ValueError, match=r"8 px square, not \(9, 8, 3\)"):
        PictureWriter(tmp_path, 8).add({"file": "b"}, np.zeros((9, 8, 3), np.uint8))


def test_quality_makes_it_smaller(tmp_path, astronaut):
    picture = np.asarray(astronaut.resize((64, 64)))
    sizes = []
    for quality in (100, 80):
        writer = PictureWriter(tmp_path / str(quality), 64, quality)
        writer.add({"file": "a"}, picture)
        writer.finish()
        sizes.append((tmp_path / str(quality) / "pictures.bin").stat().st_size)
        assert np.abs(PictureStore(tmp_path / str(quality)).pictures[0].astype(int) - picture).mean() < 6
    assert sizes[1] < sizes[0] / 3


def test_what_is_trained_on_has_one_name_or_two(tmp_path):
    splits = ["train", "val", "vae_train", "unet_train", "unet_val", "held_out"]
    write_store(tmp_path, [(np.zeros((8, 8, 3), np.uint8), {"split": split}) for split in splits], {})
    assert PictureStore(tmp_path).training().tolist() == [0, 2, 3]


def test_a_split_without_pictures_is_named(tmp_path):
    write_store(tmp_path, items(4), {})
    with pytest.raises(ValueError, match="has no picture in the split 'test'; it has: train, val"):
        PictureStore(tmp_path).indices("test")
