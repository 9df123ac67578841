"""What the libraries say about what is meant stays out of the log; everything else comes through."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ldm.commands.quiet import MEANT, quiet_libraries


@pytest.mark.parametrize(("name", "words"), MEANT.items())
def test_only_what_is_meant_is_left_out(name: str, words: str) -> None:
    quiet_libraries()
    quiet_libraries()
    logger = logging.getLogger(name)
    assert sum(type(one).__module__ == "ldm.commands.quiet" for one in logger.filters) == 1

    def passes(text: str) -> bool:
        return bool(logger.filter(logging.LogRecord(name, logging.WARNING, "", 0, text, (), None)))

    assert not passes(f"this {words} is known")
    assert passes("something new")


@pytest.mark.slow
def test_the_log_of_a_command_is_clean(tiny_run: Path, tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-m", "ldm", "generate", "--run", str(tiny_run), "--prompt", "sks", "--n", "1"]
    environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_DISABLE_PROGRESS_BARS"}
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"1 picture in {tmp_path}\n"
    [progress] = done.stderr.splitlines()
    assert progress.startswith("draw: 1/1")
