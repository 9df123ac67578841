from pathlib import Path

import pytest

from ldm.runs.whole import MANIFEST, fault, read_manifest, seal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.ckpt"
    path.write_bytes(b"12345")
    return path


def test_a_sealed_file_is_whole(file: Path) -> None:
    seal(file.parent, [file])
    assert fault(file) is None
    assert read_manifest(file.parent)["a.ckpt"]["size"] == 5


def test_faults_are_named(file: Path) -> None:
    assert fault(file) is None, "without a manifest nothing can be said"
    seal(file.parent, [file])
    file.write_bytes(b"1234")
    assert fault(file) == "it has 4 bytes; the manifest knows no such file"
    file.write_bytes(b"12346")
    assert fault(file) == "its contents are not those the manifest knows (SHA-256)"
    file.unlink()
    assert fault(file) == "it is missing"


def test_a_file_the_manifest_does_not_know_yet_is_no_good(file: Path) -> None:
    seal(file.parent, [file])
    newer = file.with_name("b.ckpt")
    newer.write_bytes(b"123456")
    assert fault(newer) is not None


def test_contents_under_another_name_are_known(file: Path) -> None:
    seal(file.parent, [file])
    assert fault(file.rename(file.with_name("previous.ckpt"))) is None


def test_renamed_and_gone_files(file: Path) -> None:
    seal(file.parent, [file])
    moved = file.rename(file.with_name("previous.ckpt"))
    file.write_bytes(b"newer")
    seal(file.parent, [file], {"previous.ckpt": "a.ckpt"})
    assert list(read_manifest(file.parent)) == ["a.ckpt", "previous.ckpt"]
    assert fault(moved) is None
    moved.unlink()
    seal(file.parent, [])
    assert list(read_manifest(file.parent)) == ["a.ckpt"]


def test_a_damaged_manifest_is_named(file: Path) -> None:
    (file.parent / MANIFEST).write_text("{")
    with pytest.raises(ValueError, match=r"manifest\.json is damaged .*remove it to go on unchecked"):
        fault(file)


def test_folders_are_entered_by_their_files(file: Path) -> None:
    shards = file.parent / "last.ckpt"
    (shards / "checkpoint").mkdir(parents=True)
    (shards / "checkpoint" / "rank_0").write_bytes(b"abc")
    seal(file.parent, [file, shards / "checkpoint" / "rank_0"])
    assert read_manifest(file.parent)["last.ckpt"]["size"] == 3
    assert fault(shards) is None
    assert fault(shards.rename(shards.with_name("previous.ckpt"))) is None
    moved = shards.with_name("previous.ckpt")
    (moved / "checkpoint" / "rank_0").rename(moved / "checkpoint" / "rank_1")
    assert fault(moved) == "its contents are not those the manifest knows (SHA-256)"
