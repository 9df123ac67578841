"""`python -m ldm extract`: what lies where afterwards, and bad input."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ldm.__main__ import main
from ldm.modules.celeb_basis import CelebBasis
from ldm.runs.load import load_model, manager_of
from tests.tiny_model import CONFIG, write_tiny_model


def extract(*words: Any, fails: bool = False) -> None:
    with pytest.raises(SystemExit) as left:
        main(["extract", *map(str, words)])
    assert (left.value.code != 0) == fails


def refused(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    extract(*words, fails=True)
    [error] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return error.removeprefix("error: ")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def extracted(tiny_run: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("weights")
    extract("--sd", tiny_model, "--run", tiny_run, "--out", out)
    return out


def test_trained_people_and_their_basis(extracted: Path) -> None:
    """Two of the ten places of the run were trained."""
    people = {
        f"ti_id_embeddings/id_{what}_{person}" for person in ("000", "001") for what in ("embedding", "coefficient")
    }
    vectors = {f"ti_id_embeddings/id_embedding_{person}.safetensors" for person in ("000", "001")}
    others = {f"ti_id_embeddings/{form}" for name in ("sks", "ks") for form in
              (f"a1111/{name}.pt", f"diffusers/{name}.safetensors")}  # fmt: skip
    basis = {"celeb_basis.pt", "celeb_basis.safetensors"}
    assert files(extracted) == {f"{path}.pt" for path in people} | vectors | others | basis


def test_the_numbers_are_those_of_the_run(extracted: Path, tiny_run: Path) -> None:
    manager = manager_of(load_model(tiny_run))
    folder = extracted / "ti_id_embeddings"
    for person in (0, 1):
        vectors = torch.load(folder / f"id_embedding_{person:03d}.pt", weights_only=True)  # (E, D)
        assert torch.allclose(vectors, manager.person_vectors(person), rtol=0, atol=1e-7)
        assert vectors.shape == (2, CONFIG["text_encoder"]["hidden_size"])
        [same] = load_file(folder / f"id_embedding_{person:03d}.safetensors").values()
        assert torch.equal(same, vectors)
        coefficients = torch.load(folder / f"id_coefficient_{person:03d}.pt", weights_only=True)  # (E, 1, K)
        assert torch.equal(coefficients[:, 0], manager.memory.coefficients(person))
        assert coefficients.shape == (2, 1, manager.basis.num_components)
    published = torch.load(extracted / "celeb_basis.pt", weights_only=True)  # (E, 1 + K, D)
    assert torch.equal(published, manager.basis.to_legacy())
    assert CelebBasis.load(extracted / "celeb_basis.safetensors").hash == manager.basis.hash


def test_nothing_is_wiped(tiny_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old = tmp_path / "ti_id_embeddings" / "id_embedding_007.pt"
    old.parent.mkdir()
    old.write_bytes(b"somebody else")
    (tmp_path / "embedded").mkdir()
    extract("--run", tiny_run, "--out", tmp_path, "--step", 1, "--names", "Ann Lee,bob")
    assert old.read_bytes() == b"somebody else"
    assert (tmp_path / "embedded").is_dir()
    assert (tmp_path / "ti_id_embeddings" / "diffusers" / "ann-lee.safetensors").is_file()
    assert "holds people of an earlier extraction too: id_embedding_007" in caplog.text


def test_a_step_is_what_was_learned_by_then(extracted: Path, tiny_run: Path, tmp_path: Path) -> None:
    extract("--run", tiny_run, "--out", tmp_path, "--step", 1)
    early, late = (
        torch.load(out / "ti_id_embeddings" / "id_embedding_000.pt", weights_only=True) for out in (tmp_path, extracted)
    )
    assert not torch.equal(early, late)


def test_what_does_not_exist(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    said = refused(capsys, "--run", tiny_run, "--step", 2, "--out", tmp_path)
    assert said == f"{tiny_run} has no exported files of step 2; there are the steps 1, 3, 5"
    said = refused(capsys, "--run", tiny_run.with_name("none"), "--out", tmp_path)
    assert said.endswith(f"no such run; {tiny_run.parent} holds {tiny_run.name}")
    said = refused(capsys, "--run", tiny_run, "--sd", tmp_path / "none", "--out", tmp_path)
    assert said.startswith(f"there is no model at {tmp_path / 'none'}")
    assert not any(tmp_path.iterdir())


def test_names_that_do_not_fit(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    said = refused(capsys, "--run", tiny_run, "--names", "ann,bob,carla", "--out", tmp_path)
    assert said == "3 names for 2 people: ann, bob, carla"
    assert not any(tmp_path.iterdir())


def test_output_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refused(capsys, "--run", tiny_run, "--out", tmp_path / "file")
    assert said == f"cannot write to {tmp_path / 'file'}: File exists; choose another folder"


def test_weights_with_other_words(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / "other", more_words=("zebra",))
    said = refused(capsys, "--run", tiny_run, "--sd", other, "--out", tmp_path / "out")
    assert said.startswith("the people were learned on a model with other words (tokenizer ")
    assert said.endswith(": give the weights that they were learned on")


def test_a_run_without_people(capsys: pytest.CaptureFixture[str], tiny_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "other_run"
    for folder in ("configs", "checkpoints"):
        (run / folder).mkdir(parents=True)
    (run / "configs" / "x-project.yaml").write_text("model: {}\n")
    said = refused(capsys, "--run", run, "--out", tmp_path)
    assert said == f"{run} has no exported files; nothing was exported yet"
    (run / "checkpoints" / "model_gs-1").mkdir()
    said = refused(capsys, "--run", run, "--out", tmp_path)
    assert said == f"{run} did not learn people on the celeb basis"
