"""The floors of docs/architecture.md: a module imports nothing from a floor above its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {
    0: ("ldm.util", "ldm.config", "ldm.bars", "ldm.batch", "ldm.files", "ldm.randomness"),
    1: ("ldm.modules", "ldm.data", "ldm.faces", "evaluation"),
    2: ("ldm.models", "ldm.weights"),
    3: ("ldm.runs",),
    4: ("ldm", "ldm.commands", "main", "evaluation.demo", "evaluation.studies"),
}
FLOOR = {package: floor for floor, packages in FLOORS.items() for package in packages}
ALSO = {("evaluation", "ldm.faces")}  # a judge finds faces
LIGHT = ("ldm.util", "ldm.config", "ldm.bars", "ldm.files", "ldm.commands", "ldm.__main__", "ldm")
HEAVY = ("torch", "diffusers", "transformers", "peft", "pytorch_lightning", "cv2", "onnxruntime", "sklearn", "wandb")
MODULES = [ROOT / "main.py", *ROOT.glob("ldm/**/*.py"), *ROOT.glob("evaluation/**/*.py")]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package_of(module: str) -> str:
    """The longest entry of the table that ``module`` belongs to; ``ldm`` stands for its own two files only."""
    found = [package for package in FLOOR if module == package or module.startswith(package + ".")]
    best = max(found, key=len, default="")
    assert best != "ldm" or module in ("ldm", "ldm.__main__"), f"{module} has no floor: give it one in this file"
    return best


def imports_of(path: Path, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def allowed(here: str, there: str) -> bool:
    """Down always; along a floor too, except that the parts on floor 1 do not know each other."""
    if FLOOR[there] == FLOOR[here] == 1:
        return here == there or (here, there) in ALSO
    return FLOOR[there] <= FLOOR[here]


def test_the_table_names_what_is_there() -> None:
    names = [name_of(path) for path in MODULES]
    for package in (*FLOOR, *LIGHT):
        assert any(name == package or name.startswith(f"{package}.") for name in names), f"there is no {package}"
    assert {package for pair in ALSO for package in pair} <= FLOOR.keys()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_only_from_lower_floors(path: Path) -> None:
    here = package_of(name_of(path))
    ours = {package_of(one) for one in imports_of(path) if one.split(".")[0] in ("ldm", "evaluation", "main")}
    upward = sorted(there for there in ours if not allowed(here, there))
    assert not upward, f"{name_of(path)} (floor {FLOOR[here]}) imports {upward}"


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path).startswith(LIGHT)], ids=name_of)
def test_words_checks_and_commands_import_nothing_heavy_at_the_top(path: Path) -> None:
    if package_of(name_of(path)) not in LIGHT:
        return
    heavy = {one.split(".")[0] for one in imports_of(path, top_level_only=True)} & set(HEAVY)
    assert not heavy, f"{name_of(path)} imports {sorted(heavy)} at its top"
