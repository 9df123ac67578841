import time
from pathlib import Path
from typing import Any

import pytest
import torch

from ldm.runs import environment as environment_module
from ldm.runs.environment import commit, environment


def test_the_environment_names_versions_and_command() -> None:
    found = environment(23, ["main.py", "-t"])
    assert found["command"] == ["main.py", "-t"]
    assert found["seed"] == 23
    assert found["packages"]["torch"] == torch.__version__
    assert found["started"].startswith(time.strftime("%Y"))


def test_a_checkout_without_git_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit(tmp_path) is None

    def no_git(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(environment_module.subprocess, "run", no_git)
    assert commit(Path(__file__).parent) is None
