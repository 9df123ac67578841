from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ldm.batch import Tokens
from ldm.config.schema import signature_of
from ldm.modules.finetune import FullFinetune
from ldm.modules.personalization import Artifact, Chain, Personalization

NOBODY = Tokens(torch.zeros(1, 3, dtype=torch.int64), torch.full((1, 3), -1))


class Adds(Personalization):
    """Adds ``amount`` to every vector, lengthens the prompt by one, trains one number."""

    def __init__(self, amount: float = 1.0, name: str = "adds", width: int = 1, edits: bool = True) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(amount))
        self.name, self.width, self.edits = name, width, edits
        self.loaded: list[Artifact] = []

    def attach(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        unet.add_module(self.name, nn.Linear(self.width, self.width))

    def trained(self, unet: Any, text_encoder: nn.Module) -> list[nn.Parameter]:
        return [self.amount, *unet.get_submodule(self.name).parameters(), *text_encoder.parameters()]

    def expand(self, tokens: Tokens) -> Tokens:
        return Tokens(*(torch.nn.functional.pad(part, (0, 1)) for part in (tokens.ids, tokens.slots)))

    def embedding_edit(self, tokens: Tokens, batch: Any) -> Any:
        return (lambda _ids, vectors: vectors * 2 + self.amount) if self.edits else None

    def export(self) -> list[Artifact]:
        return [Artifact(self.name, {"amount": self.amount.detach()})]

    def load(self, artifacts: Any) -> None:
        self.loaded += artifacts


def chain(*parts: dict[str, Any]) -> Chain:
    return Chain([{"target": f"{__name__}.Adds", "params": params} for params in parts])


def test_the_default_changes_nothing() -> None:
    nothing, unet = Personalization(), nn.Linear(2, 2)
    nothing.attach(unet, unet)
    assert list(nothing.trained(unet, unet)) == []
    assert nothing.expand(NOBODY) is NOBODY
    assert nothing.embedding_edit(NOBODY, {}) is None
    assert nothing.export() == []
    nothing.load([])
    with pytest.raises(KeyError, match="Personalization has nothing to load; given: embeddings"):
        nothing.load([Artifact("embeddings", {})])


def test_a_chain_attaches_all_and_trains_the_union_once() -> None:
    both, unet, text = chain({"name": "a"}, {"name": "b"}), nn.Sequential(), nn.Linear(3, 3)
    both.attach(unet, text)
    trained = list(both.trained(unet, text))
    assert [name for name, _ in unet.named_children()] == ["a", "b"]
    assert len(trained) == len({id(parameter) for parameter in trained}) == 2 + 4 + 2


def test_a_chain_edits_and_expands_in_the_order_of_its_parts() -> None:
    both = chain({"amount": 1.0}, {"amount": 10.0}, {"edits": False})
    assert both.expand(NOBODY).ids.shape == (1, 6)
    edit = both.embedding_edit(NOBODY, {})
    assert edit is not None
    vectors: Tensor = edit(NOBODY.ids, torch.ones(1, 3, 2))
    assert (vectors == (1 * 2 + 1) * 2 + 10).all()
    assert chain({"edits": False}).embedding_edit(NOBODY, {}) is None


def test_a_chain_gives_each_part_its_own_file() -> None:
    both = chain({"name": "a", "amount": 3.0}, {"name": "b", "amount": 4.0})
    first, second = both.export()
    assert (first.name, second.name) == ("a", "b")
    both.load([second, first])
    assert [part.loaded for part in both.parts] == [[first], [second]]


def test_files_that_a_chain_lacks_or_does_not_know_are_listed() -> None:
    both = chain({"name": "a"}, {"name": "b"})
    first, second = both.export()
    with pytest.raises(KeyError, match="the Chain wants also these files: b"):
        both.load([first])
    with pytest.raises(KeyError, match="the Chain does not know these files: c, d"):
        both.load([first, second, Artifact("d", {}), Artifact("c", {})])
    assert all(part.loaded == [] for part in both.parts), "nothing is loaded by half"


def test_two_parts_with_one_name_are_an_error() -> None:
    twice = chain({"name": "a"}, {"name": "a"})
    with pytest.raises(KeyError, match="two parts of the Chain write files of the same name: a"):
        twice.load(twice.export())


def test_a_chain_hands_on_what_the_model_knows() -> None:
    parts = [{"target": f"{__name__}.Adds"}, {"target": "ldm.modules.finetune.FullFinetune"}]
    known = Chain(parts, {"amount": 5.0, "tokenizer": object()})
    assert known.parts[0].amount.item() == 5.0
    assert isinstance(known.parts[1], FullFinetune)


def test_what_the_model_hands_in_cannot_be_written_in_yaml() -> None:
    assert signature_of(Chain).writable == ["parts"]


def test_an_empty_chain_is_an_error() -> None:
    with pytest.raises(ValueError, match="a Chain needs at least one method in `parts`"):
        Chain([])


class Stands(Adds):
    """Has words of its own."""

    placeholders = ("sks",)


def test_two_parts_at_placeholders_are_an_error() -> None:
    node = {"target": f"{__name__}.Stands"}
    assert len(Chain([node, {"target": f"{__name__}.Adds"}]).parts) == 2
    with pytest.raises(
        ValueError, match=r"2 parts that stand at placeholders \(Stands, Stands\), and a position takes one"
    ):
        Chain([node, node])
