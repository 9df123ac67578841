"""Downloads from a server of this machine's own: whole, broken off and gone on with, and the wrong file."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from ldm.weights.fetch import SOURCES, Remote, fetch, is_there

CONTENT = bytes(range(256)) * 20_000


class Serves(BaseHTTPRequestHandler):
    """Gives ``content``; ``ranges`` says whether parts of it can be asked for, ``stop_at`` where it breaks off."""

    def __init__(self, settings: dict[str, Any], *arguments: Any) -> None:
        self.settings = settings
        super().__init__(*arguments)

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.settings["asked"].append(asked)
        if code := self.settings.get("code"):
            self.send_error(code)
            return
        content, start = self.settings["content"], 0
        if asked and self.settings["ranges"]:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.end_headers()
        self.wfile.write(content[start : self.settings.pop("stop_at", None)])

    def log_message(self, *_words: Any) -> None:
        """Nothing."""


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"content": CONTENT, "ranges": True, "asked": []}


@pytest.fixture
def remote(settings: dict[str, Any]) -> Iterator[Remote]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Serves, settings))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    digest = hashlib.sha256(CONTENT).hexdigest()
    yield Remote(
        f"http://127.0.0.1:{server.server_port}/a.ckpt", len(CONTENT), digest, "free", Path("weights/a.ckpt"),
        login="https://example.org/licence",
    )  # fmt: skip
    server.shutdown()
    server.server_close()


def test_a_file_is_fetched_whole(remote: Remote, tmp_path: Path) -> None:
    came: list[int] = []
    assert not is_there(remote, tmp_path)
    assert fetch(remote, tmp_path, came.append) == [tmp_path / "weights" / "a.ckpt"]
    assert (tmp_path / "weights" / "a.ckpt").read_bytes() == CONTENT
    assert sum(came) == len(CONTENT)
    assert is_there(remote, tmp_path)
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["a.ckpt"]


@pytest.mark.parametrize("ranges", [True, False], ids=["goes on", "starts again"])
def test_a_download_that_broke_off_goes_on(
    remote: Remote, settings: dict[str, Any], tmp_path: Path, ranges: bool
) -> None:
    settings |= {"stop_at": 1_000_000, "ranges": ranges}
    with pytest.raises(OSError, match=r"stopped after 1,000,000 of 5,120,000 bytes: try again, it goes on"):
        fetch(remote, tmp_path)
    assert not is_there(remote, tmp_path)
    came: list[int] = []
    fetch(remote, tmp_path, came.append)
    assert settings["asked"] == [None, "bytes=1000000-"]
    assert (tmp_path / "weights" / "a.ckpt").read_bytes() == CONTENT
    assert sum(came) == len(CONTENT)


def test_another_file_is_refused_and_removed(remote: Remote, settings: dict[str, Any], tmp_path: Path) -> None:
    settings["content"] = CONTENT[::-1]
    with pytest.raises(
        ValueError, match=r"is not the file that was meant: SHA-256 \w{64} instead of .* It was removed"
    ):
        fetch(remote, tmp_path)
    settings["content"] = CONTENT + b"more"
    with pytest.raises(ValueError, match=r"5,120,004 bytes instead of 5,120,000 bytes"):
        fetch(remote, tmp_path)
    assert list((tmp_path / "weights").iterdir()) == []


def test_only_what_is_wanted_of_a_zip_is_kept(remote: Remote, settings: dict[str, Any], tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("pack/net.onnx", b"net")
        archive.writestr("pack/other.onnx", b"other")
    settings["content"] = packed.getvalue()
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    zipped = replace(
        remote, size=len(packed.getvalue()), sha256=digest, place=Path("weights/pack"), members=("net.onnx",)
    )
    assert fetch(zipped, tmp_path) == [tmp_path / "weights" / "pack" / "net.onnx"]
    assert (tmp_path / "weights" / "pack" / "net.onnx").read_bytes() == b"net"
    assert is_there(zipped, tmp_path)
    assert [path.name for path in (tmp_path / "weights").rglob("*")] == ["pack", "net.onnx"]


def test_what_the_network_does_not_give_is_said(remote: Remote, settings: dict[str, Any], tmp_path: Path) -> None:
    settings["code"] = 401
    with pytest.raises(
        OSError, match=r"answers 401 \w+: accept its licence at https://example\.org/licence and set HF_"
    ):
        fetch(remote, tmp_path)
    settings["code"] = 404
    with pytest.raises(OSError, match=r"a\.ckpt answers 404 Not Found$"):
        fetch(remote, tmp_path)
    with pytest.raises(OSError, match=r"cannot be reached \(.*\): try again, it goes on"):
        fetch(replace(remote, url="http://127.0.0.1:9/a.ckpt"), tmp_path)
    with pytest.raises(OSError, match=r"needs 999,999,999,999,999 bytes in .*, of which [\d,]+ are free"):
        fetch(replace(remote, size=999_999_999_999_999), tmp_path)


def test_everything_that_can_be_fetched_says_what_it_is() -> None:
    for remotes in SOURCES.values():
        for remote in remotes:
            assert remote.url.startswith("https://")
            assert len(remote.sha256) == 64
            assert remote.licence
            assert remote.place.parts[0] == "weights"


def test_the_published_settings_and_the_readme_name_the_file_that_is_fetched(root: Path) -> None:
    place = SOURCES["sd-v1-4"][0].place.as_posix()
    config = OmegaConf.load(root / "configs" / "stable-diffusion" / "aigc_id.yaml")
    assert config.model.params.ckpt_path == place
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    named = [line for line in lines if place in line]
    assert [line.split()[1] for line in named] == ["01_start_train.sh", "02_start_test.sh", "03_extract.sh"]
