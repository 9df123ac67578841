"""Files, their bases, overrides and interpolations: from paths to one plain tree."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue, OmegaConfBaseException

from ldm.config.schema import did_you_mean

Tree = dict[str, Any]
DEEPEST = 40  # levels; a config that is deeper refers to itself
RING = "the interpolations go round in a ring"


class Unresolved:
    """Stands where a value could not be had; that is reported once, and the checks pass over it."""


UNRESOLVED = Unresolved()


class _FileError(ValueError):
    """A file that cannot be taken; the message names it."""


def merge_files(paths: Sequence[Path]) -> tuple[Tree, list[str]]:
    """All files merged left to right, each after the file it names as ``base``; and what is wrong with them."""
    merged: Tree = {}
    problems = []
    for path in paths:
        try:
            for tree in _with_bases(Path(path), ()):
                merged = merge(merged, tree)
        except _FileError as error:
            problems.append(str(error))
    return merged, problems


def _with_bases(path: Path, above: tuple[Path, ...]) -> Iterator[Tree]:
    """The trees of a file's bases, the deepest first, and its own."""
    if path.resolve() in above:
        ring = " -> ".join(file.name for file in (*above, path))
        raise _FileError(f"{above[-1]}: base: the files name each other in a ring: {ring}")
    tree = _read(path)
    base = tree.pop("base", None)
    if base is not None:
        if not isinstance(base, str):
            raise _FileError(f"{path}: base: {base!r} given, the name of one YAML file wanted")
        yield from _with_bases(path.parent / base, (*above, path.resolve()))
    yield tree


def _read(path: Path) -> Tree:
    if not path.is_file():
        raise _FileError(_missing(path))
    try:
        loaded = OmegaConf.load(path)
        tree = OmegaConf.to_container(loaded, resolve=False)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise _FileError(f"{path}{place}: not valid YAML: {error.problem or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError, OmegaConfBaseException, OSError) as error:
        raise _FileError(f"{path}: not valid YAML: {_first_line(error)}") from error
    if not isinstance(tree, dict):
        raise _FileError(f"{path}: holds a {type(tree).__name__}, not keys: write 'model:', 'data:', 'lightning:'")
    return {str(key): value for key, value in tree.items()}


def _missing(path: Path) -> str:
    if not path.parent.is_dir():
        return f"{path}: no such file: the folder {path.parent} does not exist"
    if path.is_dir():
        return f"{path}: this is a folder; name a YAML file in it"
    there = sorted(file.name for file in path.parent.glob("*.y*ml"))
    near = did_you_mean(path.name, there)
    return f"{path}: no such file" + (near or f"; {path.parent} has {', '.join(there) or 'no YAML file'}")


def merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> Tree:
    """``new`` laid over ``old``: mappings are merged, everything else is replaced.

    A node whose ``target`` changes starts anew: the ``params`` of the old target are not the new one's.
    """
    merged = dict(old)
    for key, value in new.items():
        under = merged.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            if "target" in value and "target" in under and value["target"] != under["target"]:
                under = {name: kept for name, kept in under.items() if name != "params"}
            merged[key] = merge(under, value)
        else:
            merged[key] = value
    return merged


def override(tree: Tree, overrides: Sequence[str]) -> tuple[Tree, list[str]]:
    """``tree`` with ``key=value`` laid over it, new targets first; and what is wrong with the overrides."""
    problems = []
    for item in sorted(overrides, key=lambda item: not item.partition("=")[0].endswith("target")):
        key, equals, text = item.partition("=")
        if not equals or not re.fullmatch(r"[^\s.]+(\.[^\s.]+)*", key):
            problems.append(f"override {item!r}: write key=value, for example data.params.batch_size=1")
            continue
        try:
            tree = _set(tree, key, _value(text))
        except yaml.YAMLError:
            problems.append(f"override {item!r}: {text!r} is not a YAML value (put quotes around special characters)")
        except (OmegaConfBaseException, TypeError, ValueError, IndexError) as error:
            problems.append(f"override {item!r}: cannot be set: {_first_line(error)}")
    return tree, problems


def _value(text: str) -> Any:
    parsed: Any = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]), resolve=False)
    return parsed["value"]


def _set(tree: Tree, key: str, value: Any) -> Tree:
    names = key.split(".")
    if any("[" in name or name.isdigit() for name in names):  # into a list
        config = OmegaConf.create(tree)
        OmegaConf.update(config, key, value, merge=True)
        return OmegaConf.to_container(config, resolve=False)  # type: ignore[return-value]
    for name in reversed(names):
        value = {name: value}
    return merge(tree, value)


def resolve(tree: Tree) -> tuple[Tree, list[str]]:
    """``tree`` with every ``${...}`` replaced by what it points to; and those that point to nothing."""
    problems: list[str] = []
    config = OmegaConf.create(tree)
    resolved = _resolve(config, "", problems, sorted(_paths(tree, "")))
    return resolved, problems


def _resolve(node: Any, path: str, problems: list[str], known: list[str]) -> Any:
    if not isinstance(node, DictConfig | ListConfig):
        return node
    if any(problem.endswith(RING) for problem in problems):  # a ring with branches would take for ever
        return UNRESOLVED
    if path.count(".") + path.count("[") > DEEPEST:
        problems.append(f"{path[:60]}...: {RING}")
        return UNRESOLVED
    keys = list(node) if isinstance(node, DictConfig) else list(range(len(node)))
    values = {}
    for key in keys:
        place = f"{path}[{key}]" if isinstance(node, ListConfig) else f"{path}.{key}".lstrip(".")
        try:
            value = node[key]
        except MissingMandatoryValue:
            problems.append(f"{place}: a value must be given here (the file says '???')")
            value = UNRESOLVED
        except (InterpolationResolutionError, OmegaConfBaseException) as error:
            problems.append(f"{place}: {_first_line(error)}{_near_path(error, [one for one in known if one != place])}")
            value = UNRESOLVED
        values[key] = _resolve(value, place, problems, known)
    return list(values.values()) if isinstance(node, ListConfig) else {str(key): value for key, value in values.items()}


def _near_path(error: Exception, known: list[str]) -> str:
    found = re.search(r"key '([^']+)' not found", str(error))
    return did_you_mean(found[1], known) if found else ""


def _paths(tree: Any, path: str) -> Iterator[str]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            place = f"{path}.{key}".lstrip(".")
            yield place
            yield from _paths(value, place)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
