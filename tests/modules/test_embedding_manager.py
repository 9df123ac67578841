import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPTokenizer

from ldm.batch import Tokens
from ldm.modules.artifacts import read_artifact, write_artifact
from ldm.modules.celeb_basis import CelebBasis, basis_of_columns, build_celeb_basis
from ldm.modules.embedding_manager import EmbeddingManagerId
from ldm.modules.placeholders import PromptTooLongError, tokenize
from ldm.randomness import generator

NAMES = "Tom Hanks\nAnne Hathaway\nBarack Obama\nElon Musk\nAda Lovelace\nMeryl Streep\nAnne Obama\n"
WIDTH, FACE, LENGTH = 8, 16, 20


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed))


@pytest.fixture(scope="module")
def basis(clip: CLIPTokenizer, tmp_path_factory: pytest.TempPathFactory) -> CelebBasis:
    names = tmp_path_factory.mktemp("names") / "names.txt"
    names.write_text(NAMES)
    return build_celeb_basis(0.02 * draws(49408, WIDTH), clip, names)


@pytest.fixture
def make(clip: CLIPTokenizer, basis: CelebBasis):
    """A manager of two people and more, with options."""

    def manager(name: str = "net", **options) -> EmbeddingManagerId:
        known = {"basis": basis, "face_encoder": lambda: SimpleNamespace(name=name, dim=FACE), "max_ids": 4}
        return EmbeddingManagerId(["sks", "ks", "ata"], clip, LENGTH, **(known | options))

    return manager


def scrambled(manager: EmbeddingManagerId) -> EmbeddingManagerId:
    """Not where it starts, so that faces give different people."""
    with torch.no_grad():
        for seed, parameter in enumerate(manager.parameters()):
            parameter.copy_(draws(*parameter.shape, seed=seed))
    return manager


def prompt(manager: EmbeddingManagerId, *texts: str) -> Tokens:
    ids = tokenize(manager.placeholders.tokenizer, texts, LENGTH)
    return manager.expand(Tokens(ids, torch.full_like(ids, -1)))


def faces(*people: int) -> Tensor:
    return F.normalize(torch.stack([draws(FACE, seed=100 + person) for person in people]), dim=-1)


def batch(*ids: list[int]) -> dict[str, Tensor]:
    people = torch.tensor(ids)
    return {"ids": people, "faces": torch.stack([faces(*row) * (torch.tensor(row) >= 0)[:, None] for row in ids])}


def edited(manager: EmbeddingManagerId, tokens: Tokens, given: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    before = draws(*tokens.ids.shape, WIDTH, seed=9)
    edit = manager.embedding_edit(tokens, given)
    assert edit is not None
    return before, edit(tokens.ids, before)


# --- what stands where


def test_two_people_land_in_their_slots_and_nothing_else_moves(make) -> None:
    manager = scrambled(make())
    tokens = prompt(manager, "a photo of sks and ks", "ks eats bread in front of sks")
    before, after = edited(manager, tokens, batch([0, 1], [2, 0]))
    where = [manager.placeholders.tokenizer.decode(i) for i in tokens.ids[0, 1:9].tolist()]
    assert where == ["a", "photo", "of", "sks", "sks", "and", "ks", "ks"]
    vectors = {person: manager.face_vectors(faces(person))[0] for person in (0, 1, 2)}
    torch.testing.assert_close(after[0, 4:6], vectors[0])
    torch.testing.assert_close(after[0, 7:9], vectors[1])
    torch.testing.assert_close(after[1, 1:3], vectors[0])  # ks is the row's second person
    sks = int((tokens.ids[1] == manager.placeholders.ids[0]).nonzero()[0])
    torch.testing.assert_close(after[1, sks : sks + 2], vectors[2])
    untouched = tokens.slots < 0
    assert after[untouched].equal(before[untouched])


def test_a_person_mentioned_twice_is_the_same_twice(make) -> None:
    manager = scrambled(make())
    _, after = edited(manager, tokens := prompt(manager, "sks next to sks"), batch([1]))
    assert after[0, 1:3].equal(after[0, 5:7])
    assert (tokens.slots[0] >= 0).sum() == 4


def test_given_vectors_come_before_faces(make) -> None:
    manager = make()
    vectors = draws(1, 2, 2, WIDTH, seed=4)
    _, after = edited(manager, prompt(manager, "sks and ks"), {**batch([0, 1]), "vectors": vectors})
    assert after[0, 1:3].equal(vectors[0, 0])
    assert after[0, 4:6].equal(vectors[0, 1])
    assert manager.memory.trained() == [], "drawing with chosen people teaches nothing"


@pytest.mark.parametrize("text", ["a photo of a man", "flasks and kiosks", ""])
def test_a_prompt_without_people_is_left_alone(make, text: str) -> None:
    manager = make()
    tokens = prompt(manager, text)
    assert (tokens.slots == -1).all()
    assert tokens.ids.equal(tokenize(manager.placeholders.tokenizer, [text], LENGTH))
    assert manager.embedding_edit(tokens, {}) is None
    assert manager.embedding_edit(tokens, {"vectors": draws(1, 1, 2, WIDTH)}) is None


def test_the_end_token_is_kept_when_a_prompt_is_just_full(make) -> None:
    manager = make()
    words = "photo " * (LENGTH - 4)
    tokens = prompt(manager, words + "sks")
    assert tokens.ids.shape == (1, LENGTH)
    assert int(tokens.ids[0, -1]) == manager.placeholders.tokenizer.eos_token_id
    with pytest.raises(PromptTooLongError, match=rf"has {LENGTH + 1} tokens .* takes 2; the .* takes {LENGTH}"):
        prompt(manager, "photo " + words + "sks")


def test_people_who_were_not_chosen_are_named(make) -> None:
    manager = make()
    with pytest.raises(LookupError, match="a prompt names a person, but no people were chosen"):
        manager.embedding_edit(prompt(manager, "a photo of sks"), {})
    with pytest.raises(LookupError, match="a prompt names 'ata', person 3, but 2 people were chosen"):
        manager.embedding_edit(prompt(manager, "sks and ata"), {"vectors": draws(1, 2, 2, WIDTH)})


# --- coefficients


def test_unit_coefficients_lie_at_distance_one_from_the_mean(make, basis: CelebBasis) -> None:
    vectors = make(coefficient_scale="unit").face_vectors(faces(0, 1, 2))
    distance = (vectors - basis.mean).norm(dim=-1)
    torch.testing.assert_close(distance, torch.ones(3, 2), atol=1e-5, rtol=0)


def test_on_the_names_scale_everybody_starts_at_the_mean(make, basis: CelebBasis) -> None:
    assert make().face_vectors(faces(0, 1)).equal(basis.mean.expand(2, -1, -1))


def test_published_numbers_at_the_width_of_stable_diffusion(clip: CLIPTokenizer, root: Path) -> None:
    golden = json.loads((root / "tests/golden/clip_names.json").read_text())["wiki_names_v2.txt"]["columns"][:2]
    used = torch.tensor(sorted({i for column in golden for i in column["ids"]}))
    columns = [
        torch.searchsorted(used, torch.tensor(column["ids"])).repeat_interleave(torch.tensor(column["counts"])).tolist()
        for column in golden
    ]
    basis = basis_of_columns(0.02 * draws(len(used), 768), columns, 512)
    assert basis.to_legacy().shape == (2, 513, 768)
    manager = EmbeddingManagerId(
        ["sks", "ks"],
        clip,
        77,
        basis,
        lambda: SimpleNamespace(name="glint", dim=512),
        coefficient_scale="unit",
    )
    trained = list(manager.trained(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)))
    assert sum(parameter.numel() for parameter in trained) == 525_312
    assert sorted(tuple(parameter.shape) for parameter in trained) == [(1024,), (1024, 512)]
    assert manager.memory.total[0].numel() == 1024


def test_no_reference_to_the_networks_is_kept(make) -> None:
    manager, unet, text = make(), torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    manager.attach(unet, text)
    list(manager.trained(unet, text))
    assert set(manager.state_dict()) == {"head.layers.0.weight", "head.layers.0.bias", "memory.total", "memory.weight"}
    assert unet not in set(manager.modules())


# --- memory


def test_the_memory_is_the_mean_of_what_a_person_was_given(make, basis: CelebBasis) -> None:
    manager = scrambled(make(momentum=0.9))
    tokens, total = prompt(manager, "sks and ks", "sks"), torch.zeros(2, basis.num_components)
    for step in range(5):
        given = {"ids": torch.tensor([[1, 0], [2, -1]]), "faces": draws(2, 2, FACE, seed=step)}
        manager.embedding_edit(tokens, given)
        total = 0.9 * total + 0.1 * manager.head(given["faces"][0, :1])[0]
    torch.testing.assert_close(manager.memory.coefficients(1), (total / (1 - 0.9**5)).detach())
    torch.testing.assert_close(manager.person_vectors(1), basis.vectors(manager.memory.coefficients(1)))
    assert manager.memory.trained() == [0, 1, 2]
    with pytest.raises(LookupError, match="person 3 has not been trained; trained: 0, 1, 2"):
        manager.person_vectors(3)


def test_the_loss_sees_the_current_vectors_not_the_memory(make) -> None:
    manager = scrambled(make())
    tokens = prompt(manager, "sks")
    edited(manager, tokens, {"ids": torch.tensor([[0]]), "faces": draws(1, 1, FACE, seed=1)})
    given = {"ids": torch.tensor([[0]]), "faces": draws(1, 1, FACE, seed=2)}
    _, after = edited(manager, tokens, given)
    torch.testing.assert_close(after[0, 1:3], manager.face_vectors(given["faces"][:, 0])[0])
    after.sum().backward()
    assert all(parameter.grad is not None for parameter in manager.parameters())


def test_the_memory_follows_even_where_the_caption_was_dropped(make) -> None:
    manager = scrambled(make())
    assert manager.embedding_edit(prompt(manager, ""), batch([2])) is None
    assert manager.memory.trained() == [2]


def test_evaluation_teaches_nothing(make) -> None:
    manager = make().eval()
    edited(manager, prompt(manager, "sks"), batch([0]))
    assert manager.memory.trained() == []


# --- files

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
