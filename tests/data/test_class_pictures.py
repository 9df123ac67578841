import json

import pytest

from ldm.data.class_pictures import ClassPictureError, ClassPictures
from ldm.faces.photos import list_photos
from tests.data.training import photos


def settings(folder, wanted):
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(wanted.drawn_so("embedded")))


def test_rejected_pictures_and_masks_do_not_count(tmp_path):
    photos(tmp_path / "c", "00000.png", "mine.jpg", "rejected/00001 no face.png", "mine_mask.png")
    wanted = ClassPictures(tmp_path / "c", "a photo of a person")
    assert [path.name for path in wanted.pictures(list_photos)] == ["00000.png", "mine.jpg"]
    assert ClassPictures(tmp_path / "none", "x").pictures(list_photos) == []
    settings(tmp_path / "new", wanted)
    assert ClassPictures(tmp_path / "new", "x").pictures(list_photos) == []


def test_a_changed_prompt_is_noticed(tmp_path):
    settings(tmp_path, ClassPictures(tmp_path, "a photo of a person", negative_prompt="blurry"))
    ClassPictures(tmp_path, "a photo of a person", negative_prompt="blurry", num=5, batch_size=1).check("embedded")
    with pytest.raises(ClassPictureError, match=r"\(prompt: 'a photo of a person', now 'a man'; negative"):
        ClassPictures(tmp_path, "a man").check("embedded")
    with pytest.raises(ClassPictureError, match=r"weights: 'embedded', now 'sd15'.*name a new folder"):
        ClassPictures(tmp_path, "a photo of a person", negative_prompt="blurry").check("sd15")


def test_a_folder_that_was_not_drawn_is_taken_as_it_is(tmp_path):
    photos(tmp_path, "mine.jpg")
    ClassPictures(tmp_path, "anything").check("embedded")


def test_too_few():
    error = ClassPictures("class", "a man", num=10, generate=False).too_few(3)
    assert str(error) == (
        "class holds 3 class pictures, 10 are wanted and generate is false: put 7 more there, lower num, or set "
        "generate: true"
    )
