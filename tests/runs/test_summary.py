from types import SimpleNamespace

from torch import nn

from ldm.modules.optimizer import AdamW
from ldm.runs.summary import USUAL, trained
from tests.runs.tiny import TinyModel


def test_what_is_trained_in_numbers() -> None:
    found = trained(TinyModel())
    counts = {("head.weight", USUAL): 4, ("head.bias", USUAL): 1}
    assert (found.groups, found.total, found.whole) == (counts, 5, 201)
    many = nn.ModuleDict({"a": nn.ModuleList(nn.Linear(1, 1) for _ in range(20)), "b": nn.Linear(1, 1)})
    assert trained(many).groups == {("a", USUAL): 40, ("b", USUAL): 2}


def test_the_table_says_how_fast_and_when_each_part_is_trained() -> None:
    model = nn.ModuleDict({"unet": nn.Linear(10, 100), "text": nn.Linear(2, 1), "vae": nn.Linear(3, 1)})
    model["vae"].requires_grad_(False)
    model["text"].bias.requires_grad_(False)
    model.optimizer = SimpleNamespace(group_of=AdamW(lr_factors={"text": 0.5}, windows={"text": (0, 300)}).group_of)
    assert trained(model, depth=1).lines(1e-3) == [
        "        trained     of  learning rate     steps",
        "unet      1,100  1,100       1.00e-03       all",
        "text          2      3       5.00e-04  0 to 299",
        "in all    1,102  1,107",
    ]
    assert trained(model, depth=1).lines()[1:3] == [
        "unet      1,100  1,100       all",
        "text          2      3  0 to 299",
    ]


def test_a_part_that_is_trained_in_two_ways_has_two_rows() -> None:
    text = nn.ModuleDict({"token_embedding": nn.Embedding(10, 4), "layer": nn.Linear(4, 4)})
    model = nn.ModuleDict({"text": text})
    model.optimizer = AdamW(lr_factors={"token_embedding": 3.0})
    assert trained(model, depth=1).lines(1e-3) == [
        "        trained  of  learning rate  steps",
        "text         40  60       3.00e-03    all",
        "text         20  60       1.00e-03    all",
        "in all       60  60",
    ]
    assert sum(trained(model, depth=1).groups.values()) == trained(model).total
