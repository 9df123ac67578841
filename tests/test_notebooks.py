"""The notebooks: sound, without results, and one of them from a photo to pictures."""

import ast
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EMBEDDED = ROOT / "weights" / "embedded"
needs_embedded = pytest.mark.skipif(not (EMBEDDED / "model_index.json").is_file(), reason="weights/embedded is absent")


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_of(notebook: Any) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def with_settings(notebook: Any, **settings: object) -> Any:
    """The notebook with other values in its cell of parameters."""
    [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    for name, value in settings.items():
        said = f"Path({str(value)!r})" if isinstance(value, Path) else repr(value)
        cell.source, count = re.subn(rf"^{name} = .*?(?=  #|$)", f"{name} = {said}", cell.source, flags=re.MULTILINE)
        assert count == 1, name
    return notebook


def run(notebook: Any, folder: Path) -> str:
    """Execute all cells in ``folder``; what they printed."""
    from nbclient import NotebookClient

    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def pictures_in(notebook: Any) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_there_are_notebooks():
    faces = [f"faces_{what}.ipynb" for what in ("inference", "latent_pca", "unet_train", "vae_train")]
    assert [path.name for path in NOTEBOOKS] == ["celeb_basis.ipynb", *faces]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_sound_and_hold_no_results(path):
    notebook = read(path)
    nbformat.validate(notebook)
    for source in code_of(notebook):
        ast.parse(source)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
    assert not re.search(r"/(home|root|work|tmp|Users)/", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_name_only_files_that_exist(path):
    text = "\n".join(cell.source for cell in read(path).cells)
    named = re.findall(r"[\"`]((?:configs|docs|infer_images)/[\w./-]+|\d\d_\w+\.sh)[\"`]", text)
    assert len(named) > (5 if path == NOTEBOOKS[0] else 0)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_outside_of_a_checkout_the_notebook_asks_for_the_address(tmp_path):
    from nbclient.exceptions import CellExecutionError

    notebook = read(NOTEBOOKS[0])
    notebook.cells = notebook.cells[:3]
    with pytest.raises(CellExecutionError, match="write the repository's address into REPOSITORY"):
        run(notebook, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tiny", pytest.param("embedded", marks=needs_embedded)])
def test_celeb_basis_goes_from_a_photo_to_pictures(model, tiny_model, tmp_path):
    sd = tiny_model if model == "tiny" else EMBEDDED
    notebook = with_settings(
        read(NOTEBOOKS[0]), SD=str(sd), OUT=tmp_path / "out", STEPS=4, PICTURES=2, PROMPTS=["a photo of sks and ks"]
    )
    printed = run(notebook, ROOT / "notebooks")
    assert "['eileen_collins', 'grace_hopper']" in printed
    assert pictures_in(notebook) == 4  # photos, aligned faces, both people, nobody
    [learned] = (tmp_path / "out" / "runs").iterdir()
    assert (learned / "checkpoints" / "embeddings_gs-3.safetensors").is_file()
    shared = {path.name for path in (tmp_path / "out" / "shared").rglob("*") if path.is_file()}
    assert {"id_embedding_000.pt", "celeb_basis.safetensors"} <= shared
    shutil.rmtree(tmp_path / "out")


@pytest.mark.slow
@needs_embedded
@pytest.mark.parametrize(
    ("name", "settings", "pictures"),
    [
        ("vae_train", {"COUNT": 16, "STEPS": 2, "BATCH": 2}, 2),
        ("unet_train", {"COUNT": 16, "STEPS": 2, "BATCH": 2}, 4),
        ("inference", {"STEPS": 2, "PICTURES": 2}, 2),
        ("latent_pca", {"COUNT": 16}, 2),
    ],
)
def test_faces_from_nothing_run_from_top_to_bottom(name, settings, pictures, tmp_path):
    notebook = with_settings(read(ROOT / "notebooks" / f"faces_{name}.ipynb"), OUT=tmp_path / "out", **settings)
    run(notebook, ROOT / "notebooks")
    assert pictures_in(notebook) == pictures
