"""Reading people: our files, CelebBasis's files, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ldm.models.diffusion.export import legacy_people
from ldm.modules.artifacts import write_artifact
from ldm.modules.celeb_basis import BasisOrigin, CelebBasis
from ldm.modules.placeholders import SUGGESTED
from ldm.weights.people import People, artifact_of, find_basis, has_layers, read_basis, read_layers, read_people

E, K, D = 2, 3, 5


def a_basis(seed: int = 0) -> CelebBasis:
    draws = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(E, D, K, generator=draws)).Q.transpose(1, 2)
    return CelebBasis(torch.randn(E, D, generator=draws), axes, torch.ones(E, K))


@pytest.fixture
def basis() -> CelebBasis:
    return a_basis()


def rows(*values: float) -> list[Tensor]:
    """A published list of coefficients (E, 1, K), one constant for each place."""
    return [torch.full((E, 1, K), value) for value in values]


def published(path: Path, **content: Any) -> Path:
    torch.save(content, path)
    return path


def test_our_file_comes_back(basis: CelebBasis, tmp_path: Path) -> None:
    people = People([0, 3], torch.randn(2, E, K), basis, ["sks", "ks"])
    path = write_artifact(tmp_path / "embeddings_gs-7.safetensors", artifact_of(people))
    again = read_people(path, basis)
    assert again.places == [0, 3]
    assert again.words == ["sks", "ks"]
    assert torch.equal(again.coefficients, people.coefficients)


def test_a_person_at_the_size_of_the_embedded_model_is_less_than_ten_kilobytes(tmp_path: Path) -> None:
    big = CelebBasis(torch.zeros(2, 256), torch.eye(256)[:255].repeat(2, 1, 1), None, BasisOrigin("0" * 16, "0" * 16))
    artifact = artifact_of(People([0], torch.randn(1, 2, 255), big, list(SUGGESTED)))
    legacy = published(tmp_path / "a.pt", **(legacy_people(artifact) or {}))
    assert write_artifact(tmp_path / "a.safetensors", artifact).stat().st_size < 10_000
    assert 4 * 2 * 255 < legacy.stat().st_size < 10_000


def test_published_coefficients_without_the_places_never_trained(basis: CelebBasis, tmp_path: Path) -> None:
    """Untrained places all hold the same random numbers; half precision and gradients do no harm."""
    listed = [row.half().requires_grad_() for row in rows(0.5, 9, 0.25, 9, 9)]
    people = read_people(published(tmp_path / "a.pt", id_coefficients=listed), basis)
    assert people.places == [0, 2]
    assert torch.equal(people.coefficients, torch.tensor([0.5, 0.25])[:, None, None].expand(2, E, K))
    assert people.called() == ["sks", "ks"]


def test_places_of_zeros_were_never_trained(basis: CelebBasis, tmp_path: Path) -> None:
    assert read_people(published(tmp_path / "a.pt", id_coefficients=rows(0, 1)), basis).places == [1]


def test_published_vectors(basis: CelebBasis, tmp_path: Path) -> None:
    coefficients = torch.randn(E, K)
    path = published(tmp_path / "a.pt", id_embeddings=[basis.vectors(coefficients)])
    assert torch.allclose(read_people(path, basis).coefficients[0], coefficients, atol=1e-5)


def test_more_people_than_words(basis: CelebBasis) -> None:
    people = People([0, 1, 4], torch.zeros(3, E, K), basis, ["sks"])
    assert people.called() == ["sks", "person1", "person4"]


def test_only_some(basis: CelebBasis) -> None:
    people = People([0, 2], torch.stack([torch.zeros(E, K), torch.ones(E, K)]), basis, ["sks", "ks"])
    assert people.only([2, 0]).coefficients[0].min() == 1
    with pytest.raises(LookupError, match="there is no person 1; there are 0, 2"):
        people.only([1])


@pytest.mark.parametrize("name", ["basis.safetensors", "celeb_basis.pt"])
def test_a_basis_of_either_form(basis: CelebBasis, tmp_path: Path, name: str) -> None:
    if name.endswith(".pt"):
        torch.save(basis.to_legacy(), tmp_path / name)
    else:
        basis.save(tmp_path / name)
    assert read_basis(tmp_path / name).hash == basis.hash


def test_the_basis_beside_the_people(basis: CelebBasis, tmp_path: Path) -> None:
    ours = write_artifact(tmp_path / "a.safetensors", artifact_of(People([0], torch.zeros(1, E, K), basis, ["sks"])))
    theirs = published(tmp_path / "a.pt", id_coefficients=rows(1))
    with pytest.raises(FileNotFoundError, match=r"beside .*a.pt lie 0 basis files that it could belong to: give the"):
        find_basis(theirs)
    basis.save(own := tmp_path / f"basis-{basis.hash}.safetensors")
    assert find_basis(ours) == find_basis(theirs) == own
    a_basis(1).save(tmp_path / "basis-other.safetensors")
    assert find_basis(ours) == own
    with pytest.raises(FileNotFoundError, match="lie 2 basis files"):
        find_basis(theirs)


def test_people_of_another_basis(basis: CelebBasis, tmp_path: Path) -> None:
    people = People([0], torch.zeros(1, E, K), a_basis(1), ["sks"])
    path = write_artifact(tmp_path / "a.safetensors", artifact_of(people))
    with pytest.raises(ValueError, match=f"belongs to basis {people.basis.hash}, but the basis here is {basis.hash}"):
        read_people(path, basis)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"id_coefficients": [torch.ones(E, 1, K + 1)]}, r"are \(2, 1, 4\), but on this basis they are \(E, 1, K\)"),
        ({"id_embeddings": [torch.ones(E, D + 1)]}, r"are \(2, 6\), but on this basis they are \(E, D\) = \(2, 5\)"),
        (
            {"meta_id_net": {}},
            "holds no people, neither .*: it holds meta_id_net; its layers for new faces can be read",
        ),
        ({"unknown_mode": []}, "holds no people, neither id_coefficients nor id_embeddings: it holds unknown_mode$"),
    ],
)
def test_what_is_no_file_of_people(basis: CelebBasis, tmp_path: Path, content: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_people(published(tmp_path / "a.pt", **content), basis)


def test_files_that_hold_nobody(basis: CelebBasis, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="holds nobody who was trained"):
        read_people(published(tmp_path / "a.pt", id_coefficients=rows(3, 3)), basis)
    artifact = artifact_of(People([], torch.zeros(0, E, K), basis, ["sks"]))
    with pytest.raises(LookupError, match="holds nobody: it was saved before anyone was learned, or with test_mode"):
        read_people(write_artifact(tmp_path / "a.safetensors", artifact), basis)


class Bomb:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("bomb"),))


def test_nothing_in_a_file_is_run(basis: CelebBasis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"holds more than weights: it would call builtins\.getattr"):
        read_people(published(tmp_path / "a.pt", id_coefficients=Bomb()), basis)
    assert not Path("bomb").exists()


@pytest.mark.parametrize("content", [b"", b"not a torch file"])
def test_a_damaged_file(basis: CelebBasis, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(ValueError, match="is truncated or damaged, or no file of weights"):
        read_people(tmp_path / "a.pt", basis)
    with pytest.raises(FileNotFoundError, match="there is no "):
        read_people(tmp_path / "b.pt", basis)


def test_one_person_as_03_extract_wrote_them(basis: CelebBasis, tmp_path: Path) -> None:
    coefficients = torch.randn(E, 1, K)
    torch.save(coefficients, tmp_path / "id_coefficient_003.pt")
    torch.save(basis.vectors(coefficients[:, 0]), tmp_path / "id_embedding_000.pt")
    one, two = (read_people(tmp_path / f"id_{name}.pt", basis) for name in ("coefficient_003", "embedding_000"))
    assert (one.places, two.places) == ([3], [0])
    assert torch.allclose(one.coefficients[0], coefficients[:, 0])
    assert torch.allclose(two.coefficients, one.coefficients, atol=1e-5)


def layers(width: int = E * K) -> dict[str, Tensor]:
    return {"stylegan_mlp.net.0.weight": torch.randn(width, 7), "stylegan_mlp.net.0.bias": torch.randn(width)}


def test_published_layers_for_new_faces(basis: CelebBasis, tmp_path: Path) -> None:
    """Mode image: one affine layer and a leaky rectifier, each vector's coefficients of norm 1."""
    from ldm.modules.identity import FaceToCoefficients

    state = layers()
    path = published(tmp_path / "a.pt", meta_id_net={name: tensor.requires_grad_() for name, tensor in state.items()})
    assert has_layers(path)
    artifact = read_layers(path, basis)
    head = FaceToCoefficients(7, E, K)
    head.load_state_dict({name.removeprefix("head."): tensor for name, tensor in artifact.tensors.items()})
    faces = torch.randn(3, 7)
    plain = faces @ state["stylegan_mlp.net.0.weight"].T + state["stylegan_mlp.net.0.bias"]
    expected = torch.nn.functional.leaky_relu(plain, 0.2).view(3, E, K)
    assert torch.allclose(head(faces), expected / expected.norm(dim=-1, keepdim=True), atol=1e-6)
    told = {key: artifact.metadata[key] for key in ("test_mode", "face_encoder", "coefficient_scale", "basis")}
    crop = "glint360k@published"
    assert told == {"test_mode": "image", "face_encoder": crop, "coefficient_scale": "unit", "basis": basis.hash}


def test_layers_that_cannot_be_read(basis: CelebBasis, tmp_path: Path) -> None:
    for content, message in (
        (layers() | {"stylegan_mlp.net.1.weight": torch.ones(1)}, r"one layer \(meta_mlp_depth 1\) can be read"),
        (layers(4), r"gives 4 coefficients, this basis takes 6 \(E \* K\)"),
    ):
        with pytest.raises(ValueError, match=message):
            read_layers(published(tmp_path / "a.pt", meta_id_net=content), basis)
    torch.save(torch.ones(E, D), tmp_path / "id_embedding_000.pt")
    assert not has_layers(tmp_path / "id_embedding_000.pt"), "a bare tensor"
    assert not has_layers(published(tmp_path / "b.pt", id_coefficients=rows(1)))
    with pytest.raises(ValueError, match=r"holds no layers for new faces \(meta_id_net\)"):
        read_layers(tmp_path / "b.pt", basis)
