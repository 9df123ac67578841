"""What a run leaves for others: the method's files, and the networks where they were trained themselves."""

import copy
from pathlib import Path
from typing import Any

import torch

from ldm.files import atomic_path
from ldm.modules.artifacts import write_artifact
from ldm.modules.celeb_basis import CelebBasis
from ldm.modules.personalization import Artifact
from ldm.weights.textual_inversion import write_a1111
from ldm.weights.write import write_diffusers, write_network


def export_run(model: Any, folder: Path, step: int) -> list[Path]:
    """Write the files of a ``LatentDiffusion`` after ``step`` (counted from 0).

    ``<name>_gs-<step>.safetensors`` for every artifact, for people the published ``.pt`` beside it, for a token
    AUTOMATIC1111's, the celeb basis once, and ``model_gs-<step>/`` (a diffusers folder) if a network itself was
    trained, all of it: what trains a part of one (an adapter) exports that part as an artifact. A network of the
    method's own is a folder too, ``<name>_gs-<step>/``.
    """
    files: list[Path] = []
    for artifact in model.personalization.export():
        files.append(write_artifact(folder / f"{artifact.name}_gs-{step}.safetensors", artifact))
        if legacy := legacy_people(artifact):
            files.append(_save_pt(folder / f"{artifact.name}_gs-{step}.pt", legacy))
        if "token" in artifact.metadata:
            (vectors,), token = artifact.tensors.values(), artifact.metadata["token"]
            files.append(write_a1111(folder / f"{artifact.name}_gs-{step}.pt", token, vectors, step, _base(model)))
        if "basis" in artifact.metadata:
            files.append(_save_basis(folder, model.cond_stage_model.celeb_basis))
    for name, network in model.personalization.networks().items():
        files += write_network(folder / f"{name}_gs-{step}", network)
    networks = (model.unet, model.cond_stage_model.transformer)
    if any(all(p.requires_grad for p in network.parameters()) for network in networks):
        files += save_model(model, folder / f"model_gs-{step}")
    return files


def _base(model: Any) -> str:
    """What the weights are called that a run started from."""
    return str(model.weights_folder.resolve().name)


def _save_basis(folder: Path, basis: CelebBasis) -> Path:
    """The basis lies once in a run: coefficients name it by its hash."""
    path = folder / f"basis-{basis.hash}.safetensors"
    if not path.is_file():
        basis.save(path)
    return path


def legacy_people(artifact: Artifact) -> dict[str, Any] | None:
    """The published layout of a file of people: lists by person, (E, 1, K) coefficients or (E, D) embeddings.

    A person between trained ones that was not trained is zero there. None if the artifact holds no people.
    """
    if "ids" not in artifact.tensors:
        return None
    ids = artifact.tensors["ids"].tolist()
    legacy: dict[str, Any] = {}
    for name, key in (("coefficients", "id_coefficients"), ("embeddings", "id_embeddings")):
        if name not in artifact.tensors:
            continue
        rows = artifact.tensors[name].unsqueeze(-2) if name == "coefficients" else artifact.tensors[name]
        by_person = dict(zip(ids, rows.cpu(), strict=True))
        legacy[key] = [by_person.get(i, torch.zeros_like(rows[0])).clone() for i in range(max(ids) + 1)]
    return legacy or None


def _save_pt(path: Path, value: dict[str, Any]) -> Path:
    with atomic_path(path) as temporary:
        torch.save(value, temporary)
    return path


def save_model(
    model: Any, folder: Path, dtype: torch.dtype = torch.float16, max_shard_size: str = "11MB"
) -> list[Path]:
    """Write all parts of a ``LatentDiffusion`` as a diffusers folder; returns its weight files."""
    return write_diffusers(
        folder,
        unet=without_adapters(model.unet),
        vae=model.first_stage_model,
        text_encoder=without_adapters(model.cond_stage_model.transformer),
        tokenizer=model.cond_stage_model.tokenizer,
        scheduler=model.noise_scheduler,
        beside=model.weights_folder,
        dtype=dtype,
        max_shard_size=max_shard_size,
    )


def without_adapters(network: Any) -> Any:
    """``network`` itself, or a copy as it was before low-rank layers were put beside its own."""
    if not getattr(network, "peft_config", None):
        return network
    from diffusers.utils.peft_utils import recurse_remove_peft_layers

    plain = copy.deepcopy(network)
    recurse_remove_peft_layers(plain)
    plain._hf_peft_config_loaded = False
    del plain.peft_config
    return plain
