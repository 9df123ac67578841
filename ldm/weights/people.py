"""People on a celeb basis, read from the files of a run: ours and the published ones."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ldm.faces.glint360k import NAME as GLINT360K
from ldm.modules.artifacts import read_artifact
from ldm.modules.celeb_basis import CelebBasis
from ldm.modules.embedding_manager import FORMAT
from ldm.modules.personalization import Artifact
from ldm.modules.placeholders import SUGGESTED
from ldm.weights.pickles import read_pickle

LAYERS = {"stylegan_mlp.net.0.weight": "head.layers.0.weight", "stylegan_mlp.net.0.bias": "head.layers.0.bias"}
"""CelebBasis's names of its layer from face vector to coefficients, and ours."""


@dataclass(frozen=True)
class People:
    """People that were learned.

    Attributes:
        places: where each stands in the order of training.
        coefficients: (N, E, K).
        basis: what the coefficients belong to.
        words: what the run calls its people: the first word is the first person's.
    """

    places: list[int]
    coefficients: Tensor
    basis: CelebBasis
    words: list[str]

    @property
    def vectors(self) -> Tensor:
        """(N, E, D) token vectors."""
        return self.basis.vectors(self.coefficients)

    def called(self) -> list[str]:
        """One word for each person: the run's placeholders, in order, and person<place> where they do not suffice."""
        words = self.words[: len(self.places)]
        return words + [f"person{place}" for place in self.places[len(words) :]]

    def only(self, places: Sequence[int]) -> "People":
        """Those at ``places``, in that order.

        Raises:
            LookupError: one is not among them; those who are, are listed.
        """
        if missing := [place for place in places if place not in self.places]:
            raise LookupError(f"there is no person {missing[0]}; there are {', '.join(map(str, self.places))}")
        rows = [self.places.index(place) for place in places]
        return replace(self, places=list(places), coefficients=self.coefficients[rows])


def read_basis(path: Path) -> CelebBasis:
    """The basis in a run's ``basis-<hash>.safetensors``, or in the published ``celeb_basis.pt``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no celeb basis.
    """
    if path.suffix == ".safetensors":
        return CelebBasis.load(path)
    tensor = read_pickle(path)
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{path} is no celeb basis: it holds no tensor but a {type(tensor).__name__}")
    return CelebBasis.from_legacy(tensor)


def find_basis(people: Path) -> Path:
    """The basis file that lies beside a file of people, as in a run's checkpoints/.

    Raises:
        FileNotFoundError: it does not, or there are several.
    """
    if people.suffix == ".safetensors":
        own = people.with_name(f"basis-{read_artifact(people).metadata.get('basis', '<hash>')}.safetensors")
        found = [own] if own.is_file() else []
    else:
        found = sorted(people.parent.glob("basis-*.safetensors"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"beside {people} lie {len(found)} basis files that it could belong to: give the right one, "
            "basis-<hash>.safetensors of its run or celeb_basis.pt"
        )
    return found[0]


def read_people(path: Path, basis: CelebBasis) -> People:
    """The people in ``embeddings_gs-<step>.safetensors``, or in the published files.

    Those are ``embeddings_gs-<step>.pt``, saved with test_mode coefficient or embedding, and what 03_extract.sh wrote
    of one person: ``id_coefficient_000.pt`` and ``id_embedding_000.pt``, bare tensors.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no file of people, or belongs to another basis.
        LookupError: it holds nobody.
    """
    if path.suffix == ".safetensors":
        return people_of(read_artifact(path), basis, path)
    return _published(read_pickle(path), basis, path)


def people_of(artifact: Artifact, basis: CelebBasis, path: Path) -> People:
    """The people in our own file, which came from ``path``; see ``read_people``."""
    if artifact.metadata.get("format") != FORMAT:
        raise ValueError(f"{path} is not a file of people on a celeb basis (format {FORMAT})")
    basis.require(artifact.metadata["basis"], str(path))
    places = artifact.tensors.get("ids", torch.empty(0)).tolist()
    if not places:
        raise LookupError(f"{path} holds nobody: it was saved before anyone was learned, or with test_mode image")
    coefficients = artifact.tensors.get("coefficients")
    if coefficients is None:
        coefficients = basis.project(artifact.tensors["embeddings"])
    return People(places, coefficients.float(), basis, json.loads(artifact.metadata["placeholder_strings"]))


def _published(content: Any, basis: CelebBasis, path: Path) -> People:
    """The people in the published layouts: lists with a place for each, of which only some were trained.

    Places that were never trained all hold the same numbers (or zeros, in our own files): they are left out.
    """
    if isinstance(content, Tensor):
        key = "id_coefficients" if content.ndim == 3 else "id_embeddings"
        number = re.search(r"_(\d{3})$", path.stem)
        found = _published({key: [content]}, basis, path)
        return replace(found, places=[int(number[1]) if number else 0])
    for key, form, shape in (
        ("id_coefficients", "(E, 1, K)", (basis.num_vectors, 1, basis.num_components)),
        ("id_embeddings", "(E, D)", (basis.num_vectors, basis.width)),
    ):
        if not isinstance(content, dict) or key not in content:
            continue
        rows = [row.detach().float() for row in content[key]]
        if wrong := [tuple(row.shape) for row in rows if row.shape != shape]:
            raise ValueError(f"{path}: {key} are {wrong[0]}, but on this basis they are {form} = {shape}")
        places = [i for i, row in enumerate(rows) if row.any() and sum(torch.equal(row, other) for other in rows) == 1]
        if not places:
            raise LookupError(f"{path} holds nobody who was trained")
        chosen = torch.stack([rows[i] for i in places])
        coefficients = chosen.squeeze(-2) if key == "id_coefficients" else basis.project(chosen)
        return People(places, coefficients, basis, list(SUGGESTED))
    held = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
    layers = "; its layers for new faces can be read: `convert people IN OUT.safetensors --to ours`"
    hint = layers if isinstance(content, dict) and "meta_id_net" in content else ""
    raise ValueError(f"{path} holds no people, neither id_coefficients nor id_embeddings: it holds {held}{hint}")


def has_layers(path: Path) -> bool:
    """Whether a published file was saved with test_mode image: it holds layers for new faces, and nobody."""
    if path.suffix == ".safetensors":
        return False
    content = read_pickle(path)
    return isinstance(content, dict) and "meta_id_net" in content


def read_layers(path: Path, basis: CelebBasis) -> Artifact:
    """The layers in a published file of mode ``image``, as our own file: they make coefficients of any face.

    They take the vectors of the published network, glint360k, of faces cut out as CelebBasis did.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it holds no such layers, more than one, or layers for another basis.
    """
    content = read_pickle(path)
    state = content.get("meta_id_net") if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds no layers for new faces (meta_id_net)")
    if set(state) != set(LAYERS):
        raise ValueError(
            f"{path}: one layer (meta_mlp_depth 1) can be read, {', '.join(LAYERS)}; it holds {', '.join(state)}"
        )
    wanted = basis.num_vectors * basis.num_components
    if (given := len(state["stylegan_mlp.net.0.bias"])) != wanted:
        raise ValueError(f"{path} gives {given} coefficients, this basis takes {wanted} (E * K)")
    metadata = _metadata(basis, "unit", list(SUGGESTED)) | {
        "test_mode": "image",
        "face_encoder": f"{GLINT360K}@published",
    }
    return Artifact("embeddings", {ours: state[theirs].detach().float() for theirs, ours in LAYERS.items()}, metadata)


def artifact_of(people: People) -> Artifact:
    """The people as our own file, as a run exports it."""
    unit = bool((people.coefficients.norm(dim=-1) < 1 + 1e-3).all())
    metadata = _metadata(people.basis, "unit" if unit else "names", people.words)
    return Artifact("embeddings", {"ids": torch.tensor(people.places), "coefficients": people.coefficients}, metadata)


def _metadata(basis: CelebBasis, scale: str, words: Sequence[str]) -> dict[str, str]:
    """What our file of people says of itself."""
    return {
        "format": FORMAT,
        "test_mode": "coefficient",
        "basis": basis.hash,
        "names": basis.origin.names_hash,
        "tokenizer": basis.origin.tokenizer_id,
        "coefficient_scale": scale,
        "face_encoder": "",
        "placeholder_strings": json.dumps(list(words)),
    }
