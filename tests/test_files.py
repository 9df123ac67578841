import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from ldm.files import atomic_folder, atomic_path, full_disk_named, sweep, write_json, write_text


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


class Killed(BaseException):
    """Stands for kill -9: what is cleaned up on the way out is put back by the test."""


def killed_writing(path: Path, monkeypatch: pytest.MonkeyPatch, before_rename: int, keep_others: bool) -> None:
    """Replace the folder ``path``, ended before its n-th rename; nothing is tidied up, as after kill -9."""
    copy, count, rename = path.with_name("copy"), iter(range(9)), Path.rename

    def dying(self: Path, target: Path) -> Path:
        if next(count) == before_rename:
            shutil.copytree(path.parent, copy)
            raise Killed
        return rename(self, target)

    def replace() -> None:
        with atomic_folder(path, keep_others) as new:
            (new / "a").write_text("new")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying)
        with pytest.raises(Killed):
            replace()
    for entry in [*path.parent.iterdir()]:
        if entry != copy:
            shutil.rmtree(entry)
    for entry in [*copy.iterdir()]:
        shutil.move(entry, path.parent / entry.name)
    copy.rmdir()


@pytest.mark.parametrize(
    ("keep_others", "before_rename", "left"),
    [(False, 0, "old"), (False, 1, "new"), (True, 0, "old"), (True, 1, "new"), (True, 2, "new")],
)
def test_a_killed_writers_folder_is_swept(tmp_path, monkeypatch, keep_others, before_rename, left):
    path = folder_of(tmp_path / "model", a="old", b="others")
    killed_writing(path, monkeypatch, before_rename, keep_others)
    [hidden] = tmp_path.glob(".model.*")
    assert sweep(tmp_path) == [hidden]
    found = {file.name: file.read_text() for file in path.iterdir()}
    others = {"b": "others"} if keep_others or left == "old" else {}
    assert found == {"a": left} | others
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writers_file_is_swept_and_nothing_else(tmp_path):
    for name in ("a.txt", ".hidden", ".a.txt.lock", "x.abcdefgh"):
        (tmp_path / name).touch()
    (tmp_path / ".a.txt.abcd_123.txt").touch()
    assert [path.name for path in sweep(tmp_path)] == [".a.txt.abcd_123.txt"]
    assert len(list(tmp_path.iterdir())) == 4
    assert sweep(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter: file write failed")]
)
def test_a_full_disk_is_one_error_that_names_the_file(tmp_path, error):
    def write() -> None:
        with full_disk_named(tmp_path / "run"), atomic_path(tmp_path / "a.ckpt"):
            raise error

    with pytest.raises(OSError, match="no space left on the disk") as caught:
        write()
    assert caught.value.filename == str(tmp_path / "a.ckpt")
    assert not list(tmp_path.iterdir())


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(KeyError), full_disk_named(tmp_path):
        raise KeyError("x")
