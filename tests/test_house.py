"""Habits of the house: what holds for every file, every config and every command that the documents name."""

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ldm.commands import find_commands, load_command
from ldm.config import load_config
from ldm.config.schema import signature_of
from ldm.util import get_obj_from_str

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 250
LONGER: set[str] = set()  # files that are longer, each for a reason that stands here
MIB = 1024**2


def tracked(*suffixes: str) -> list[Path]:
    """The files that belong to the repository, by git where there is one."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []
    paths = [ROOT / name for name in names] or [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return sorted(path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


CODE = [path for path in tracked(".py") if not relative(path).startswith("tests/")]


def test_every_module_says_what_it_is():
    silent = [relative(path) for path in CODE if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert not silent


def test_no_file_is_longer_than_one_idea():
    sizes = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in tracked(".py", ".sh")}
    assert {name: size for name, size in sizes.items() if size > LONGEST and name not in LONGER} == {}
    assert {name for name in LONGER if sizes.get(name, 0) <= LONGEST} == set()


@pytest.mark.parametrize(
    ("pattern", "where"),
    [
        (r"\bNotImplementedError\b", set()),
        (r"\b(TODO|FIXME|XXX)\b", set()),
        (r"load\([^)]*weights_only=False", set()),
        (r"\.load_state_dict\([^)]*strict=False", set()),
        (r"\bpickle\.loads?\(", set()),
        (r"\bexcept:", set()),
        (r"\bset_trace\(|\bbreakpoint\(", set()),
        (r"/home/\w|/root/", set()),
    ],
)
def test_what_no_file_of_the_product_contains(pattern, where):
    found = {relative(path) for path in CODE if re.search(pattern, path.read_text(encoding="utf-8"))}
    assert found == where


def test_files_are_small_enough_for_everyone_who_clones():
    sizes = {relative(path): path.stat().st_size for path in tracked()}
    assert {name: size for name, size in sizes.items() if size > 12 * MIB} == {}
    assert sum(size for name, size in sizes.items() if name.startswith("weights/embedded/")) <= 48 * MIB


def configs() -> Iterator[Path]:
    """The YAML files that are configs; others (the architecture of the embedded model) have other keys at the top."""
    for path in sorted((ROOT / "configs").rglob("*.yaml")):
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        if {"model", "data", "lightning", "base"} & tree.keys():
            yield path


@pytest.mark.parametrize("path", list(configs()), ids=relative)
def test_every_config_passes_its_check(path, monkeypatch, caplog):
    monkeypatch.chdir(ROOT)
    target = (yaml.safe_load(path.read_text(encoding="utf-8")).get("model") or {}).get("target")
    names_weights = target and "ckpt_path" in signature_of(get_obj_from_str(target)).parameters
    load_config([path], extra={"model": {"params": {"ckpt_path": "weights/embedded"}}} if names_weights else None)
    ours = [record.getMessage() for record in caplog.records if record.name.split(".")[0] == "ldm"]
    assert ours == [], "our own configs hold no published key that does nothing"


@pytest.mark.parametrize("path", list(configs()), ids=relative)
def test_every_config_opens_with_the_command_that_runs_it(path):
    opening = [line for line in path.read_text(encoding="utf-8").splitlines()[:6] if line.startswith("#")]
    assert any("main.py" in line or ".sh" in line for line in opening)


DOCUMENTS = tracked(".md")


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_links_of_the_documents_lead_somewhere(path):
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    ours = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in ours if not (path.parent / link).exists()] == []


def commands(path: Path) -> Iterator[list[str]]:
    """The command lines in a document's blocks of shell, comments and prompts taken off."""
    for block in re.findall(r"```(?:bash|sh|console)\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words:
                yield words


def complaint(words: list[str]) -> str | None:
    """What is wrong with a command of ours, or None. Commands of others are not looked at."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    if words[0] == "make":
        unknown = [word for word in words[1:] if "=" not in word and not word.startswith("-") and word not in targets]
        return f"make has no {unknown}" if unknown else None
    if words[0] == "bash" and not (ROOT / words[1]).is_file():
        return f"there is no {words[1]}"
    ours = words[3:] if words[:3] == ["python", "-m", "ldm"] else words[1:] if words[0] == "ldm" else None
    if ours:
        return command_complaint(ours)
    if "main.py" in words:
        files = [word for word in words if word.startswith("configs/") and not (ROOT / word).is_file()]
        return f"there is no {files}" if files else None
    return None


def command_complaint(words: list[str]) -> str | None:
    if words[0].startswith("-"):
        return None
    if words[0] not in find_commands():
        return f"there is no command {words[0]}"
    command = load_command(words[0])
    if hasattr(command, "commands") and len(words) > 1 and not words[1].startswith("-"):
        if words[1] not in command.commands:
            return f"{words[0]} has no command {words[1]}"
        command = command.commands[words[1]]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} - options - {"--help"}
    return f"{words[0]} has no {sorted(unknown)}" if unknown else None


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_commands_of_the_documents_exist(path):
    assert [found for words in commands(path) if (found := complaint(words))] == []


def test_a_wrong_command_would_be_found():
    assert complaint(["make", "demos"]) == "make has no ['demos']"
    assert complaint(["bash", "09_nothing.sh", "x"]) == "there is no 09_nothing.sh"
    assert complaint(["python", "-m", "ldm", "nothing"]) == "there is no command nothing"
    assert complaint(["ldm", "doctor-env", "--jsn"]) == "doctor-env has no ['--jsn']"
    assert complaint(["ldm", "doctor-env", "--json"]) is None
    assert complaint(["python", "main.py", "--base", "configs/none.yaml"]) == "there is no ['configs/none.yaml']"


def test_make_help_names_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    assert set(re.findall(r"^([a-z-]+):.*## \w", makefile, re.MULTILINE)) == targets
    printed = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    assert all(f"make {target} " in printed for target in targets)
    documented = set(re.findall(r"^#: (\w+)", makefile, re.MULTILINE))
    assert documented == set(re.findall(r"^([A-Z]+) *\?=", makefile, re.MULTILINE))
