"""The command line itself: how commands are found, and what an error looks like."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ldm.__main__ import main
from ldm.commands import find_commands, load_command, message_of, short_errors
from ldm.util import get_obj_from_str

HEAVY = ("torch", "diffusers", "transformers", "cv2", "onnxruntime", "pytorch_lightning", "sklearn")


def loaded_by(*arguments: str) -> str:
    """The heavy modules that are loaded after ``python -m ldm <arguments>``, and its output."""
    code = (
        "import sys\nfrom ldm.__main__ import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit as error:\n    print('exit', error.code)\n"
        f"print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_help_lists_all_commands_and_imports_nothing_heavy():
    printed = loaded_by("--help")
    assert printed.endswith("exit 0\nloaded:\n")
    for name, help_line in find_commands().items():
        assert name in printed
        assert help_line, f"ldm/commands/{name}: the file's docstring has no first line"


@pytest.mark.parametrize("name", find_commands())
def test_help_of_each_command_imports_nothing_heavy(name):
    printed = loaded_by(name, "--help")
    assert f" {name} " in printed
    assert printed.endswith("exit 0\nloaded:\n")


def test_a_group_has_commands():
    for name in find_commands():
        command = load_command(name)
        if hasattr(command, "commands"):
            assert command.commands, f"the group {name} is empty"


def test_files_become_commands(tmp_path):
    (tmp_path / "do_this.py").write_text('"""Do it. Or not.\n\nMore."""\ndef do_this(): ...\n')
    (tmp_path / "align.py").write_text('"""Align."""\ndef align(): ...\n')
    (tmp_path / "group.py").write_text('"""A group."""\nimport typer\napp: typer.Typer = typer.Typer()\n')
    (tmp_path / "shared.py").write_text('"""Not a command."""\ndef other(): ...\n')
    (tmp_path / "__init__.py").write_text("")
    assert list(find_commands(tmp_path).items()) == [
        ("align", "Align."),
        ("do-this", "Do it. Or not."),
        ("group", "A group."),
    ]


def test_a_misspelt_command_names_the_nearest(capsys):
    with pytest.raises(SystemExit) as left:
        main(["doctor-evn"])
    assert left.value.code == 2
    assert "Did you mean 'doctor-env'" in " ".join(capsys.readouterr().err.replace("│", "").split())


def test_version(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("celebbasis-ldm 0.")


def raised(error: Exception):
    with pytest.raises(BaseException) as left, short_errors():  # noqa: PT011
        raise error
    return left.value


def test_what_the_user_can_mend_is_one_line(capsys, monkeypatch):
    monkeypatch.delenv("LDM_DEBUG", raising=False)
    with pytest.raises(SystemExit) as left, short_errors():
        get_obj_from_str("nowhere")
    assert left.value.code == 1
    printed = capsys.readouterr().err
    assert printed == "error: target 'nowhere' is not a dotted path: write 'package.module.Name'\n"


def test_a_missing_file_is_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("LDM_DEBUG", raising=False)
    with pytest.raises(SystemExit), short_errors():
        (tmp_path / "no.txt").read_text()
    assert capsys.readouterr().err == f"error: {tmp_path / 'no.txt'}: No such file or directory\n"


def test_a_defect_keeps_its_traceback():
    assert isinstance(raised(ZeroDivisionError()), ZeroDivisionError)
    assert isinstance(raised(ValueError("raised by another package")), ValueError)


def test_debug_shows_the_traceback_of_all(monkeypatch):
    monkeypatch.setenv("LDM_DEBUG", "1")
    with pytest.raises(ImportError), short_errors():
        get_obj_from_str("nowhere")


def test_ctrl_c_says_so(capsys):
    with pytest.raises(SystemExit) as left, short_errors():
        raise KeyboardInterrupt
    assert left.value.code == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("no such person"), "no such person"),
        (FileNotFoundError("weights are missing"), "weights are missing"),
        (PermissionError(13, "Permission denied", "x.pt"), "x.pt: Permission denied"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_messages_without_decoration(error, words):
    assert message_of(error) == words


def test_debug_option_and_console_script(tmp_path):
    script = Path(sys.executable).parent / "ldm"
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "120"}
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True, env=environment)
    assert "Usage: ldm [OPTIONS] COMMAND" in done.stdout
    done = subprocess.run(
        [sys.executable, "-m", "ldm", "--help"], capture_output=True, text=True, check=True, env=environment
    )
    assert "Usage: python -m ldm [OPTIONS] COMMAND" in done.stdout
