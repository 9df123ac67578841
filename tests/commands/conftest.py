"""What tests of the commands share."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ldm.__main__ import app
from ldm.faces import backend

once = cache(backend.load_backend)


@pytest.fixture
def align(monkeypatch) -> Callable[..., str]:
    """Runs ``python -m ldm align`` and gives what it prints, after its exit code was checked."""
    monkeypatch.setattr(backend, "load_backend", once)

    def run(*arguments: object, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["align", *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result.output

    return run


@pytest.fixture
def photos(tmp_path, astronaut, hopper) -> Path:
    """A folder with one photo of each of two people, in names that need care."""
    folder = tmp_path / "photos"
    folder.mkdir()
    astronaut.save(folder / "Eileen Collins ü.png")
    hopper.save(folder / "grace [x].jpg", quality=95)
    return folder


@pytest.fixture
def group(tmp_path, astronaut, hopper) -> Path:
    """A folder with one photo of both people."""
    folder = tmp_path / "group"
    folder.mkdir()
    picture = Image.new("RGB", (1024, 600), "grey")
    picture.paste(astronaut, (0, 0))
    picture.paste(hopper, (512, 0))
    picture.save(folder / "two.png")
    return folder


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes]]:
    """All files of a folder and what is in them."""

    def read(folder: Path) -> dict[str, bytes]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return read
