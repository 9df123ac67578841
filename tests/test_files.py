import json
import os
import stat
from pathlib import Path

import pytest

from ldm.files import atomic_folder, atomic_path, write_json, write_text


def test_what_is_written_is_there_with_its_folders(tmp_path):
    write_text(tmp_path / "a" / "b.txt", "héllo\n")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "héllo\n"
    write_json(tmp_path / "c.json", {"ü": [1]})
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8")) == {"ü": [1]}


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def interrupted() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_lies_beside_and_keeps_the_suffix(tmp_path):
    with atomic_path(tmp_path / "a.safetensors") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".safetensors"
        assert not (tmp_path / "a.safetensors").exists()


def test_a_long_name_fits(tmp_path):
    write_text(tmp_path / ("x" * 240 + ".txt"), "")
    assert len(list(tmp_path.iterdir())) == 1


def test_others_may_read_what_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640
    assert os.umask(before) == before


def test_a_place_that_is_a_file(tmp_path):
    write_text(tmp_path / "a", "")
    with pytest.raises(OSError, match="a"):
        write_text(Path(tmp_path / "a" / "b.txt"), "")


def folder_of(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def test_a_folder_is_replaced_whole(tmp_path):
    path = folder_of(tmp_path / "model", a="old", b="old")
    with atomic_folder(path) as new:
        (new / "a").write_text("new")
        assert (path / "a").read_text() == "old"
    assert {file.name: file.read_text() for file in path.iterdir()} == {"a": "new"}
    assert list(tmp_path.iterdir()) == [path]


def test_other_files_of_a_folder_stay_if_asked(tmp_path):
    path = folder_of(tmp_path / "model", a="old", b="old")
    with atomic_folder(path, keep_others=True) as new:
        (new / "a").write_text("new")
    assert {file.name: file.read_text() for file in path.iterdir()} == {"a": "new", "b": "old"}


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_that_fails_leaves_the_old_one_and_nothing_else(tmp_path, there):
    path = folder_of(tmp_path / "model", a="old") if there else tmp_path / "model"

    def interrupted() -> None:
        with atomic_folder(path) as new:
            (new / "a").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [file.read_text() for file in tmp_path.rglob("*") if file.is_file()] == ["old"] * there
    assert path.exists() == there
