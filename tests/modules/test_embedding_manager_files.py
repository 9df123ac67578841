import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ldm.modules.artifacts import read_artifact, write_artifact
from ldm.modules.celeb_basis import CelebBasis, build_celeb_basis
from ldm.modules.embedding_manager import EmbeddingManagerId
from ldm.randomness import generator
from tests.modules.people import batch, edited, faces, prompt, scrambled

MODES = {
    "coefficient": {"ids", "coefficients"},
    "embedding": {"ids", "embeddings"},
    "image": {"head.layers.0.weight", "head.layers.0.bias"},
    "all": {"ids", "coefficients", "embeddings", "head.layers.0.weight", "head.layers.0.bias"},
}


def taught(manager: EmbeddingManagerId) -> EmbeddingManagerId:
    """It knows the people 0 and 2."""
    scrambled(manager)
    edited(manager, prompt(manager, "sks and ks"), batch([0, 2]))
    return manager


@pytest.mark.parametrize("mode", MODES)
def test_what_is_written_comes_back(make, mode: str, tmp_path: Path) -> None:
    manager = taught(make(test_mode=mode))
    [artifact] = manager.export()
    assert set(artifact.tensors) == MODES[mode]
    again = make(test_mode=mode)
    again.load([read_artifact(write_artifact(tmp_path / "embeddings.safetensors", artifact))])
    assert again.memory.trained() == ([] if mode == "image" else [0, 2])
    for person in again.memory.trained():
        torch.testing.assert_close(again.person_vectors(person), manager.person_vectors(person), atol=1e-5, rtol=1e-5)
    if mode in ("image", "all"):
        assert again.face_vectors(faces(7)).equal(manager.face_vectors(faces(7)))


def test_a_person_is_a_few_numbers(make) -> None:
    [artifact] = taught(make()).export()
    assert artifact.name == "embeddings"
    assert artifact.tensors["coefficients"].shape == (2, 2, 5)
    assert not artifact.tensors["coefficients"].requires_grad


def test_a_file_says_what_it_needs(make, basis: CelebBasis) -> None:
    [artifact] = taught(make(test_mode="all")).export()
    told = artifact.metadata
    assert (told["basis"], told["names"], told["tokenizer"]) == (
        basis.hash, basis.origin.names_hash, basis.origin.tokenizer_id,
    )  # fmt: skip
    assert (told["face_encoder"], told["coefficient_scale"], told["test_mode"]) == ("net", "names", "all")
    assert json.loads(told["placeholder_strings"]) == ["sks", "ks", "ata"]
    assert all(isinstance(value, str) for value in told.values())


def test_nobody_learnt_is_nobody_written(make) -> None:
    manager = make()
    [artifact] = manager.export()
    assert artifact.tensors == {}
    manager.load([artifact])
    assert manager.memory.trained() == []


def test_training_starts_from_an_exported_file(make, tmp_path: Path) -> None:
    manager = taught(make(test_mode="all"))
    path = write_artifact(tmp_path / "embeddings_gs-199.safetensors", manager.export()[0])
    started = make(embedding_manager_ckpt=path)
    assert started.head.layers[0].weight.equal(manager.head.layers[0].weight)
    assert started.memory.trained() == [0, 2]


def test_coefficients_of_another_basis_are_refused(make, basis: CelebBasis) -> None:
    [artifact] = taught(make()).export()
    other = make(basis=CelebBasis(basis.mean + 1, basis.axes, basis.sigma))
    with pytest.raises(ValueError, match=rf"the file of people belongs to basis {basis.hash}, but the basis here is"):
        other.load([artifact])


def test_layers_for_other_faces_scales_or_depths_are_refused(make) -> None:
    [artifact] = taught(make(test_mode="image")).export()
    with pytest.raises(ValueError, match="the file's layers take face vectors of net, here they come from arcface"):
        make("arcface").load([artifact])
    with pytest.raises(ValueError, match="coefficients on the scale 'names', here coefficient_scale is 'unit'"):
        make(coefficient_scale="unit").load([artifact])
    with pytest.raises(KeyError, match=r"layers are not those here \(meta_mlp_depth\): layers\.1\.bias"):
        make(meta_mlp_depth=2).load([artifact])


def test_coefficients_know_no_face_network(make) -> None:
    [artifact] = taught(make()).export()
    other = make("arcface", coefficient_scale="unit")
    other.load([artifact])
    assert other.memory.trained() == [0, 2]


def test_files_of_something_else_are_refused(make) -> None:
    manager = taught(make())
    [artifact] = manager.export()
    with pytest.raises(ValueError, match="'embeddings' is not a file of people on a celeb basis"):
        manager.load([replace(artifact, metadata={})])
    with pytest.raises(KeyError, match="unknown tensors in the file of people: lora"):
        manager.load([replace(artifact, tensors={**artifact.tensors, "lora": torch.zeros(1)})])
    with pytest.raises(KeyError, match="names people but holds neither coefficients nor embeddings"):
        manager.load([replace(artifact, tensors={"ids": torch.tensor([0])})])


def test_without_a_basis_it_says_which_key_is_missing(make) -> None:
    with pytest.raises(ValueError, match=r"needs a celeb basis: set cond_stage_config\.params\.use_celeb to true"):
        make(basis=None)


def test_a_checkpoint_at_the_size_of_sd1_is_small(clip, root: Path, tmp_path: Path) -> None:
    """2 x 512 coefficients of 768-wide vectors from 512-wide faces: what is kept, AdamW's two moments, the averages."""
    table = 0.02 * torch.randn(49408, 768, generator=generator(0))
    basis = build_celeb_basis(table, clip, root / "infer_images" / "names.txt", n_components=512)
    faces = SimpleNamespace(name="net", dim=512)
    manager = EmbeddingManagerId(["sks", "ks"], clip, 77, basis=basis, face_encoder=lambda: faces, max_ids=10)
    trained = sum(parameter.numel() for parameter in manager.parameters())
    kept = sum(tensor.nbytes for tensor in manager.state_dict().values())
    assert trained == 525_312
    assert kept + 3 * 4 * trained < 15e6
