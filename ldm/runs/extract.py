"""The people of a run as files to share."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from ldm.files import require_writable
from ldm.modules.artifacts import read_artifact
from ldm.modules.embedding_manager import FORMAT
from ldm.runs.folder import RunFolder
from ldm.runs.load import Step, find_run, step_of
from ldm.runs.rebuild import require_words_of
from ldm.weights.people import People, find_basis, people_of, read_basis
from ldm.weights.read import read_words
from ldm.weights.textual_inversion import tokens_of, write_a1111, write_diffusers, write_emb_params, write_pt

logger = logging.getLogger(__name__)

FOLDER = "ti_id_embeddings"


@dataclass(frozen=True)
class Extracted:
    """One person's files.

    Attributes:
        place: in the order of training.
        token: what other programs know the person as, ``<sks>``.
        files: the vectors (E, D) as .pt and .safetensors, the coefficients (E, 1, K), A1111's and diffusers' forms.
    """

    place: int
    token: str
    files: tuple[Path, ...]


def extract_people(
    run: Path, sd: Path | None = None, step: Step = None, out: Path = Path("weights"), names: Sequence[str] = ()
) -> tuple[list[Extracted], list[Path]]:
    """Write the trained people of a run and their basis into ``out``; the files of each, and those of the basis.

    Args:
        run: the run's folder, or its name in ``logs/``.
        sd: weights that the people shall be used with: seen to have the same words as those they were learned on.
        step: counted from 0; the last one if None.
        out: where ``ti_id_embeddings/`` and ``celeb_basis.*`` go; added to, nothing is removed.
        names: what to call the people instead of their placeholders.

    Raises:
        FileNotFoundError: there is no such run, no such weights, or no basis.
        LookupError: no such step, or the run has learned nobody.
        ValueError: names and people do not go together, or the weights have other words.
    """
    folder = find_run(run)
    step = step_of(folder, step)
    people = _people(folder, step)
    if sd is not None:
        _require_words(people, sd)
    tokens = tokens_of(names or people.called(), len(people.places))
    require_writable(out)
    facts = {"run": folder.path.resolve().name, "step": str(step), "basis": people.basis.hash}
    facts["model"] = (sd or Path(_model_of(folder))).name
    written = [_write(people, row, token, out / FOLDER, facts) for row, token in enumerate(tokens)]
    basis = [write_pt(out / "celeb_basis.pt", people.basis.to_legacy().clone()), out / "celeb_basis.safetensors"]
    people.basis.save(basis[1])
    _warn_of_others(out / FOLDER, people)
    return written, basis


def _people(folder: RunFolder, step: int) -> People:
    for file in folder.exported(step):
        if file.suffix == ".safetensors" and (artifact := read_artifact(file)).metadata.get("format") == FORMAT:
            return people_of(artifact, read_basis(find_basis(file)), file)
    raise LookupError(f"{folder.path} did not learn people on the celeb basis")


def _write(people: People, row: int, token: str, folder: Path, facts: dict[str, str]) -> Extracted:
    """One person's files."""
    place, stem = people.places[row], token.strip("<>")
    vectors, coefficients = people.vectors[row], people.coefficients[row].unsqueeze(-2)  # (E, D), (E, 1, K)
    told = {**facts, "person": str(place), "token": token}
    files = (
        write_pt(folder / f"id_embedding_{place:03d}.pt", vectors.clone()),
        write_emb_params(folder / f"id_embedding_{place:03d}.safetensors", vectors, told),
        write_pt(folder / f"id_coefficient_{place:03d}.pt", coefficients.clone()),
        write_a1111(folder / "a1111" / f"{stem}.pt", token, vectors, int(facts["step"]), facts["model"]),
        write_diffusers(folder / "diffusers" / f"{stem}.safetensors", token, vectors, told),
    )
    return Extracted(place, token, files)


def _require_words(people: People, sd: Path) -> None:
    tokenizer, width = read_words(sd)
    require_words_of(people.basis, tokenizer, width, sd)


def _model_of(folder: RunFolder) -> str:
    return str(OmegaConf.load(folder.project_config).model.params.get("ckpt_path", ""))


def _warn_of_others(folder: Path, people: People) -> None:
    """Name the people who lie there from earlier: their coefficients may belong to another basis."""
    ours = {f"id_embedding_{place:03d}" for place in people.places}
    others = sorted({file.stem for file in folder.glob("id_embedding_*.*")} - ours)
    if others:
        logger.warning("%s holds people of an earlier extraction too: %s", folder, ", ".join(others))
