"""What the documents say is what the code does: tables, file formats, and the example of a method."""

import dataclasses
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from ldm.config.check import CALLBACKS, CHECKPOINT, WANDB
from ldm.util import get_obj_from_str
from tests.documents import DOCUMENTS, MADE, made

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
HOST_LIBRARIES = ("diffusers.", "pytorch_lightning.")  # their parameters are documented where they come from


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> dict[str, str]:
    """File name -> content of a document's examples."""
    found = re.findall(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", read(name), re.DOTALL)
    return dict(found)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_say_what_the_code_says(path: Path):
    text = path.read_text(encoding="utf-8")
    assert text == made(text), "the code has changed: write the documents anew with `python -m tests.documents`"


def test_a_table_that_is_out_of_date_would_be_found():
    text = "<!-- made: parameters ldm.modules.finetune.FullFinetune -->\nold\n<!-- end -->"
    assert "`train_text_encoder` | `false`" in made(text)
    assert made(made(text)) == made(text) != text


def targets(value: object) -> set[str]:
    """Every target in a YAML tree."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    own = {value["target"]} if isinstance(value, dict) and isinstance(value.get("target"), str) else set()
    return own.union(*map(targets, inner))


def test_every_class_that_the_configs_name_has_its_table():
    named = set().union(*(targets(yaml.safe_load(p.read_text("utf-8"))) for p in (ROOT / "configs").rglob("*.yaml")))
    described = {match[3].strip() for match in MADE.finditer(read("docs/configs.md"))}
    named |= {*CALLBACKS.values(), CHECKPOINT, WANDB}
    ours = {target for target in named if not target.startswith(HOST_LIBRARIES)}
    assert ours - described == set()
    assert all(callable(get_obj_from_str(target)) for target in named)


def test_every_config_is_in_the_list_of_files():
    listed = set(re.findall(r"\]\(\.\./(configs/\S+?)\)", read("docs/configs.md")))
    assert listed >= {path.relative_to(ROOT).as_posix() for path in (ROOT / "configs").rglob("*.yaml")}


def options_of_main(text: str) -> set[str]:
    """The options that a page's table of them names, and those in its commands of main.py or 01_start_train.sh."""
    rows = re.findall(r"^\| `(-.*?)` \|", text, re.MULTILINE)
    commands = re.findall(r"(?:main\.py|01_start_train\.sh) ([^`\n#]*)", text.replace("\\\n", " "))
    return {word for part in (*rows, *commands) for word in re.findall(r"(?<![\w-])--?[a-z_][\w-]*", part)}


@pytest.mark.parametrize("name", ["README.md", "docs/configs.md"])
def test_every_option_of_main_that_is_named_exists(name: str):
    from ldm.runs.options import _build_parser

    known = {string for action in _build_parser()._actions for string in action.option_strings}
    named = options_of_main(read(name))
    assert named, "this page names options, or the test looks at nothing"
    assert named - known == set()


def test_an_option_that_main_does_not_have_would_be_found():
    commands = "`bash 01_start_train.sh --bashed FOLDER`\npython main.py -t --base a-b.yaml \\\n  --two-lines  # --no\n"
    named = options_of_main(f"| `--tabled WORD` | x |\n{commands}")
    assert named == {"--tabled", "--bashed", "-t", "--base", "--two-lines"}


@pytest.mark.parametrize(
    "target",
    ["ldm.data.manifest.Record", "ldm.runs.draw.DrawSettings", "ldm.weights.read.ModelDefaults"],
)
def test_every_field_of_a_file_is_described(target: str):
    names = {field.name for field in dataclasses.fields(get_obj_from_str(target))}
    text = read("docs/file_formats.md")
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_the_shape_letters_are_those_of_the_code():
    from ldm import batch

    said = re.search(r"B batch.*?(?=\.\n)", batch.__doc__ or "", re.DOTALL)
    assert said is not None
    assert " ".join(said[0].split()) in " ".join(read("docs/architecture.md").split())


def test_every_function_of_the_walks_exists():
    """Names like `ldm.runs.train.train` in the architecture lead somewhere."""
    named = set(re.findall(r"`((?:ldm|evaluation)(?:\.\w+)+)`", read("docs/architecture.md")))
    missing = []
    for name in named:
        as_file = ROOT / Path(*name.split("."))
        if as_file.is_dir() or as_file.with_suffix(".py").is_file():
            continue
        parent, _, last = name.rpartition(".")
        try:
            get_obj_from_str(name)
        except ImportError:
            if not hasattr(get_obj_from_str(parent), last):
                missing.append(name)
    assert missing == []


def test_a_run_leaves_what_the_file_formats_say(tiny_run: Path):
    described = re.findall(r"`((?:configs|checkpoints|images|tensorboard)/[^`]*)`", read("docs/file_formats.md"))
    patterns = [
        re.compile(re.sub(r"\\?<[^>]+>", "[^/]+", re.escape(name.rstrip("/"))) + r"(/.*)?") for name in described
    ]
    files = [path.relative_to(tiny_run).as_posix() for path in tiny_run.rglob("*") if path.is_file()]
    assert [file for file in files if not any(pattern.fullmatch(file) for pattern in patterns)] == []
    assert (tiny_run / "checkpoints" / "last.ckpt").is_file()


def test_exported_people_are_as_the_file_formats_say(tiny_run: Path):
    from ldm.modules.artifacts import read_artifact

    artifact = read_artifact(tiny_run / "checkpoints" / "embeddings_gs-5.safetensors")
    text = read("docs/file_formats.md")
    assert {key for key in (*artifact.tensors, *artifact.metadata) if f"`{key}`" not in text} == set()


def test_the_example_of_a_method_trains_saves_loads_and_draws(tiny_model, tiny_manifest, tmp_path, monkeypatch):
    files = blocks("docs/adding_a_method.md")
    for name, content in files.items():
        (tmp_path / name).write_text(content.replace("base: configs", f"base: {ROOT.as_posix()}/configs"), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "free_coefficients", raising=False)
    from ldm import load
    from main import main

    options = [
        "--base", str(tmp_path / "free_coefficients.yaml"), "-n", "free", "--actual_resume", str(tiny_model),
        "--data_root", str(tiny_manifest), "-l", str(tmp_path / "logs"), "model.params.face_backend=yunet-sface",
        "data.params.batch_size=2", "data.params.train.params.num_variants=2", "lightning.trainer.max_steps=3",
        "lightning.trainer.accelerator=cpu", "model.base_learning_rate=0.05",
    ]  # fmt: skip
    assert main([*options, "-t"]) == 0
    [run] = (tmp_path / "logs").iterdir()
    pipe = load(run)
    learned = pipe.model.personalization.coefficients
    assert set(pipe.model.trained_parameters()) == {"personalization.coefficients"}
    assert all(person.abs().sum() > 0 for person in learned)
    draws = [torch.Generator().manual_seed(1) for _ in range(2)]
    one, other = pipe(["a photo of sks", "a photo of ks"], generator=draws, num_inference_steps=2).images
    assert isinstance(one, Image.Image)
    assert one.tobytes() != other.tobytes()


def test_the_example_of_a_method_is_short():
    code = [line for line in blocks("docs/adding_a_method.md")["free_coefficients.py"].splitlines() if line.strip()]
    assert len(code) <= 60


def test_the_python_of_the_readme_draws_a_picture(tiny_run: Path):
    [code] = re.findall(r"^```python\n(.*?)^```", read("README.md"), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("logs/RUN", tiny_run.as_posix()), names)
    assert names["picture"].size == (16, 16)


@pytest.mark.parametrize("page", ["README.md", "weights/embedded/README.md"])
def test_a_page_quotes_only_what_was_measured(page: str):
    [section] = re.findall(r"^## Measured\n(.*?)(?=^## |\Z)", read(page), re.MULTILINE | re.DOTALL)
    cells = [line.split("|")[2] for line in section.splitlines() if line.startswith("|")][2:]
    numbers = {number for cell in cells for number in re.findall(r"\d+(?:\.\d+)?", cell)}
    pages = ["docs/measurements.md", *(f"docs/studies/{path.name}" for path in (ROOT / "docs/studies").glob("*.md"))]
    measured = set(re.findall(r"\d+(?:\.\d+)?", "".join(read(page) for page in pages)))
    assert numbers
    assert numbers - measured == set()


def test_every_document_is_linked_from_the_readme():
    linked = set(re.findall(r"\]\(([^)#]+)", read("README.md")))
    assert {f"docs/{path.name}" for path in DOCUMENTS} <= linked
