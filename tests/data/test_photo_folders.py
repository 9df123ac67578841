import logging

import pytest

from ldm.data.photo_folders import mask_of, read_folders
from ldm.faces.photos import list_photos
from tests.data.training import photos


def test_a_flat_folder_says_nothing(tmp_path):
    [folder] = read_folders(photos(tmp_path / "me", "b.png", "a.jpg", "inner/c.png"), list_photos)
    assert [path.name for path in folder.pictures] == ["a.jpg", "b.png", "c.png"]
    assert (folder.repeats, folder.words) == (None, "")


def test_kohyas_folders_say_how_often_and_what(tmp_path, caplog):
    photos(tmp_path / "10_sks person", "a.png", "b.png")
    photos(tmp_path / "3_ata_cat", "c.png")
    with caplog.at_level(logging.INFO):
        first, second = read_folders(tmp_path, list_photos)
    assert (first.repeats, first.words, len(first.pictures)) == (10, "sks person", 2)
    assert (second.repeats, second.words, len(second.pictures)) == (3, "ata_cat", 1)
    assert "10_sks person: 2 pictures x 10, 'sks person'" in caplog.messages


@pytest.mark.parametrize("given", ["10_sks person", "img"])
def test_the_kohya_folder_itself_and_what_holds_img_are_understood(tmp_path, given):
    photos(tmp_path / "img" / "10_sks person", "a.png")
    photos(tmp_path / "reg" / "1_person", "r.png")
    folder = tmp_path / "img" / "10_sks person" if given != "img" else tmp_path
    [found] = read_folders(folder, list_photos)
    assert (found.repeats, found.words, [p.name for p in found.pictures]) == (10, "sks person", ["a.png"])


def test_pictures_beside_kohyas_folders_are_reported(tmp_path, caplog):
    photos(tmp_path / "10_sks person", "a.png")
    photos(tmp_path, "lost.png")
    [folder] = read_folders(tmp_path, list_photos)
    assert len(folder.pictures) == 1
    assert "1 pictures lie outside the folders NUMBER_WORDS and are not taken, first lost.png" in caplog.text


def test_repeating_a_picture_0_times_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"0_sks: the number before '_' says how often"):
        read_folders(photos(tmp_path / "0_sks", "a.png"), list_photos)


def test_masks_are_no_photos(tmp_path):
    folder = photos(tmp_path, "a.png", "a_mask.png", "b.jpg", "masks/b.png", "c.png", "c-masklabel.png", "d.png")
    [found] = read_folders(folder, list_photos)
    assert [path.name for path in found.pictures] == ["a.png", "b.jpg", "c.png", "d.png"]
    masks = [mask_of(path) for path in found.pictures]
    assert [mask and mask.name for mask in masks] == ["a_mask.png", "b.png", "c-masklabel.png", None]


def test_a_folder_of_masks_only(tmp_path):
    with pytest.raises(ValueError, match="holds masks only, no pictures"):
        read_folders(photos(tmp_path, "a_mask.png"), list_photos)


def test_no_pictures(tmp_path):
    with pytest.raises(ValueError, match="no photos in"):
        read_folders(tmp_path, list_photos)
