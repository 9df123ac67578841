from torch import nn

from ldm.runs.summary import trained
from tests.runs.tiny import TinyModel


def test_what_is_trained_in_numbers() -> None:
    found = trained(TinyModel())
    assert (found.groups, found.total, found.whole) == ({"head.weight": 4, "head.bias": 1}, 5, 201)
    assert found.lines()[-1] == "in the model  201"
    many = nn.ModuleDict({"a": nn.ModuleList(nn.Linear(1, 1) for _ in range(20)), "b": nn.Linear(1, 1)})
    assert trained(many).groups == {"a": 40, "b": 2}
