import json
import os
import stat
from pathlib import Path

import pytest

from ldm.files import atomic_path, write_json, write_text


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
