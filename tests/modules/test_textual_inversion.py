"""Token vectors that are learned themselves."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ldm.batch import Tokens
from ldm.modules.celeb_basis import CelebBasis
from ldm.modules.personalization import Artifact
from ldm.modules.placeholders import PlaceholderError, tokenize
from ldm.modules.textual_inversion import TextualInversion
from ldm.weights.read import Parts, read_model


@pytest.fixture(scope="module")
def parts(tiny_model: Path) -> Parts:
    return read_model(tiny_model)


def attached(parts: Parts, *strings: str, **options: Any) -> TextualInversion:
    method = TextualInversion(strings or ("sks",), parts.tokenizer, 32, **options)
    method.attach(parts.unet, parts.text_encoder)
    return method


def word(parts: Parts, text: str) -> torch.Tensor:
    ids = parts.tokenizer(text, add_special_tokens=False)["input_ids"]
    vectors: torch.Tensor = parts.text_encoder.get_input_embeddings().weight.detach()[ids]
    return vectors


def tokens_of(parts: Parts, method: TextualInversion, *prompts: str) -> Tokens:
    ids = tokenize(parts.tokenizer, prompts, 32)
    return method.expand(Tokens(ids, torch.full_like(ids, -1)))


def test_the_new_vectors_are_all_that_is_trained(parts: Parts) -> None:
    method = attached(parts, "sks", "ks", num_vectors=3, initializer_words=["person", "face"])
    [trained] = method.trained(parts.unet, parts.text_encoder)
    assert trained.shape == (2, 3, 32)
    assert list(method.state_dict()) == ["vectors"]


@pytest.mark.parametrize(
    ("words", "num_vectors", "wanted"),
    [("person", 1, [0]), ("person", 3, [0, 0, 0]), ("face person", 2, [0, 1]), ("face person", 3, [0, 1, 1])],
)
def test_vectors_start_from_words(parts: Parts, words: str, num_vectors: int, wanted: list[int]) -> None:
    method = attached(parts, num_vectors=num_vectors, initializer_words=[words])
    assert method.vectors[0].equal(word(parts, words)[wanted])


def test_one_vector_starts_from_the_mean_of_several_words(parts: Parts) -> None:
    method = attached(parts, initializer_words=["face person"])
    torch.testing.assert_close(method.vectors[0, 0], word(parts, "face person").mean(0))


def test_vectors_start_from_the_celeb_bases_mean(parts: Parts) -> None:
    mean = torch.randn(2, 32)
    basis = CelebBasis(mean, torch.zeros(2, 1, 32), None)
    assert attached(parts, "sks", "ks", basis=basis, num_vectors=2).vectors.equal(mean.expand(2, -1, -1))
    torch.testing.assert_close(attached(parts, basis=basis).vectors[0, 0], mean.mean(0))


def test_the_vectors_stand_at_the_mentions_and_take_the_gradient(parts: Parts) -> None:
    method = attached(parts, "sks", "ks", num_vectors=2, initializer_words=["person", "face"])
    tokens = tokens_of(parts, method, "a photo of ks", "a photo of sks and ks")
    edit = method.embedding_edit(tokens, {})
    assert edit is not None
    edited = edit(tokens.ids, torch.zeros(2, 32, 32))
    assert edited[0, 4:6].equal(method.vectors[1])
    assert edited[1, 4:6].equal(method.vectors[0])
    assert edited[1, 7:9].equal(method.vectors[1])
    edited.sum().backward()
    assert method.vectors.grad is not None
    assert method.vectors.grad[:, 0, 0].tolist() == [1, 2]


def test_captions_that_mention_nothing_change_nothing_but_have_a_gradient(parts: Parts) -> None:
    method = attached(parts, initializer_words=["person"])
    tokens = tokens_of(parts, method, "a photo of a person")
    edit = method.embedding_edit(tokens, {})
    assert edit is not None
    edited = edit(tokens.ids, torch.ones(1, 32, 32))
    assert edited.equal(torch.ones(1, 32, 32))
    edited.sum().backward()
    assert method.vectors.grad is not None
    assert not method.vectors.grad.any()
    assert method.eval().embedding_edit(tokens, {}) is None


def test_each_token_has_a_file_of_its_own(parts: Parts) -> None:
    method = attached(parts, "sks", "ks", num_vectors=2, initializer_words=["person", "face"])
    first, second = method.export()
    assert (first.name, second.name) == ("sks", "ks")
    assert list(first.tensors) == ["<sks>"]
    again = attached(parts, "sks", "ks", num_vectors=2, initializer_words=["face", "face"])
    again.load([second, first])
    assert again.vectors.equal(method.vectors)


def test_files_of_other_tokens_or_sizes_are_refused(parts: Parts) -> None:
    method = attached(parts, initializer_words=["person"])
    with pytest.raises(KeyError, match="files of the tokens <sks> are wanted, given: <ks>"):
        method.load(attached(parts, "ks", initializer_words=["person"]).export())
    with pytest.raises(ValueError, match=r"the file of <sks> holds \(2, 32\) numbers, this run takes \(1, 32\)"):
        method.load([Artifact("sks", {"<sks>": torch.zeros(2, 32)})])


def test_a_token_of_several_pieces_is_refused_with_the_pieces(parts: Parts) -> None:
    with pytest.raises(PlaceholderError, match=r"'zwx' is not one word .*: it becomes z, w, x</w>"):
        attached(parts, "zwx", initializer_words=["person"])


def test_what_to_start_from_must_be_said(parts: Parts) -> None:
    with pytest.raises(ValueError, match=r"name initializer_words, or set .*use_celeb to true"):
        attached(parts)
    with pytest.raises(ValueError, match="initializer_words has 1 entries, placeholder_strings 2"):
        attached(parts, "sks", "ks", initializer_words=["person"])
    with pytest.raises(ValueError, match="initializer_words: '' holds no word"):
        attached(parts, initializer_words=[""])
