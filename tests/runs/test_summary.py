from types import SimpleNamespace

from torch import nn

from ldm.modules.optimizer import AdamW
from ldm.runs.summary import trained
from tests.runs.tiny import TinyModel


def test_what_is_trained_in_numbers() -> None:
    found = trained(TinyModel())
    assert (found.groups, found.total, found.whole) == ({"head.weight": 4, "head.bias": 1}, 5, 201)
    many = nn.ModuleDict({"a": nn.ModuleList(nn.Linear(1, 1) for _ in range(20)), "b": nn.Linear(1, 1)})
    assert trained(many).groups == {"a": 40, "b": 2}


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
