import json

import pytest

from ldm.data.caption_files import CaptionError, of_name, read_captions
from tests.data.training import photos


@pytest.fixture
def folder(tmp_path):
    return photos(tmp_path, "a.png", "b.png", "c.png")


def said(folder, source="auto"):
    found = read_captions(folder, sorted(folder.glob("*.png")), source)
    return {path.name: caption for path, caption in found.items()}


def rows(folder, *lines):
    (folder / "metadata.jsonl").write_text(
        "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    )


def test_text_files_beside_the_pictures(folder, caplog):
    (folder / "a.txt").write_text("sks person, smiling\n")
    (folder / "b.caption").write_text("sks  person,\nin a hat")
    (folder / "c.png.txt").write_text("﻿sks in Köln", encoding="utf-8")
    assert said(folder) == {"a.png": "sks person, smiling", "b.png": "sks person, in a hat", "c.png": "sks in Köln"}
    assert said(folder, "prompt") == {}
    assert not caplog.messages


def test_an_empty_text_file_counts_as_none_and_is_reported(folder, caplog):
    (folder / "a.txt").write_text("a caption")
    (folder / "b.txt").write_text(" \n")
    assert said(folder) == {"a.png": "a caption"}
    assert "1 caption files are empty and count as none, first" in caplog.text
    assert "2 of 3 pictures have no caption of their own and get the prompt, first b.png" in caplog.text


def test_metadata_comes_before_text_files(folder, caplog):
    rows(folder, {"file_name": "a.png", "text": "by metadata"}, {"file_name": "b.png", "caption": "also"}, "")
    (folder / "a.txt").write_text("by text file")
    assert said(folder) == {"a.png": "by metadata", "b.png": "also"}
    assert said(folder, "txt") == {"a.png": "by text file"}
    assert "1 of 3 pictures have no caption of their own" in caplog.text


def test_rows_without_pictures_and_double_rows_are_reported(folder, caplog):
    twice = {"file_name": "a.png", "text": "first"}, {"file_name": "a.png", "text": "last"}
    rows(folder, *twice, {"file_name": "gone.png", "text": "x"})
    assert said(folder) == {"a.png": "last"}
    assert "1 rows name no picture that is here, first gone.png" in caplog.text
    assert "a.png has 2 rows; the last one counts" in caplog.text


@pytest.mark.parametrize("line", ['{"file_name": "a.png"', '{"file_name": "a.png"}', '["a.png"]', '{"text": "x"}'])
def test_a_row_that_is_none_is_named(folder, line):
    rows(folder, {"file_name": "a.png", "text": "x"}, line)
    with pytest.raises(CaptionError, match=r"metadata\.jsonl, line 2: "):
        said(folder)


@pytest.mark.parametrize(("source", "wanted"), [("txt", "text file"), ("metadata", "metadata.jsonl")])
def test_a_named_source_without_captions_is_an_error(folder, source, wanted):
    with pytest.raises(CaptionError, match=f"captions: {source}, but .* has no caption for any of its .*{wanted}"):
        said(folder, source)


def test_a_text_file_in_another_encoding_is_named(folder):
    (folder / "a.txt").write_bytes("Köln".encode("latin-1"))
    with pytest.raises(CaptionError, match=r"a\.txt is not UTF-8 text"):
        said(folder)


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("001@a photo of sks.jpg", "a photo of sks"),
        ("a_photo_of_sks (3).jpg", "a photo of sks"),
        ("sks person_12.png", "sks person"),
        ("0001.jpg", ""),
        ("Asian,female,lip-corner-puller.png", "Asian,female,lip-corner-puller"),
    ],
)
def test_captions_in_file_names(tmp_path, name, caption):
    assert of_name(tmp_path / name) == caption


def test_file_names_are_taken_when_asked_for(tmp_path):
    folder = photos(tmp_path, "sks_person_smiling.png", "0002.png")
    assert said(folder, "filename") == {"sks_person_smiling.png": "sks person smiling"}
