import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import CLIPTokenizer

from ldm.modules.celeb_basis import CelebBasis, basis_of_columns
from ldm.modules.embedding_manager import EmbeddingManagerId
from ldm.modules.placeholders import PromptTooLongError, tokenize
from tests.modules.people import FACE, LENGTH, WIDTH, batch, draws, edited, faces, prompt, scrambled

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


def test_where_captions_were_dropped_nothing_changes_but_the_layers_still_get_a_gradient(make) -> None:
    manager = scrambled(make())
    before, after = edited(manager, prompt(manager, "", ""), batch([2, -1], [0, -1]))
    assert after.equal(before)
    assert manager.memory.trained() == [0, 2], "the memory follows: under ddp every process must take part"
    after.sum().backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in manager.parameters())
    assert manager.eval().embedding_edit(prompt(manager, ""), batch([2])) is None


def test_captions_that_know_other_placeholders_are_an_error(make) -> None:
    manager = make()
    with pytest.raises(LookupError, match=r"no caption mentions one of sks, ks, ata: are the data's"):
        manager.embedding_edit(prompt(manager, "a photo of bop"), batch([0]))
    nobody = manager.embedding_edit(prompt(manager, "a photo of a man"), batch([-1]))
    assert nobody is not None, "a class picture shows nobody in particular"


def test_evaluation_teaches_nothing(make) -> None:
    manager = make().eval()
    edited(manager, prompt(manager, "sks"), batch([0]))
    assert manager.memory.trained() == []
