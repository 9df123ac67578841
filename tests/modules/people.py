"""Managers of people on a small basis, and what tests hand them."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPTokenizer

from ldm.batch import Tokens
from ldm.modules.celeb_basis import CelebBasis, build_celeb_basis
from ldm.modules.embedding_manager import EmbeddingManagerId
from ldm.modules.placeholders import tokenize
from ldm.randomness import generator

NAMES = "Tom Hanks\nAnne Hathaway\nBarack Obama\nElon Musk\nAda Lovelace\nMeryl Streep\nAnne Obama\n"
WIDTH, FACE, LENGTH = 8, 16, 20


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed))


@pytest.fixture(scope="module")
def basis(clip: CLIPTokenizer, tmp_path_factory: pytest.TempPathFactory) -> CelebBasis:
    """Of seven names on a random table."""
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
