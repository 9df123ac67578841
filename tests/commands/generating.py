"""How tests of `python -m ldm generate` call it and look at what came out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ldm.__main__ import main


def generate(*words: Any, fails: bool = False) -> None:
    with pytest.raises(SystemExit) as left:
        main(["generate", *map(str, words)])
    assert (left.value.code != 0) == fails


def refused(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    """The one line that a user sees."""
    generate(*words, fails=True)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    [error] = [line for line in said.splitlines() if line.startswith("error: ")]
    return error.removeprefix("error: ")


def pixels(path: Path) -> NDArray[np.int16]:
    return np.asarray(Image.open(path)).astype(np.int16)


def samples(folder: Path, **of: Any) -> list[Path]:
    """The pictures that settings.json lists with these facts."""
    rows = json.loads((folder / "settings.json").read_text())["samples"]
    return [folder / row["file"] for row in rows if of.items() <= row.items()]
