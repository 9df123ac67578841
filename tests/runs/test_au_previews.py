"""Action units drawn while a model learns: what is refused before the first step."""

from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from ldm.modules.au_conditioner import AuConditioner
from ldm.runs.au_previews import AuPreviews


class Part(AuConditioner):
    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.units, self.words = (6, 12), SimpleNamespace(strings=("bop",))  # type: ignore[assignment]


def model(*parts: nn.Module) -> Any:
    return SimpleNamespace(personalization=nn.ModuleList(parts))


def test_a_row_a_unit_and_a_picture_a_level() -> None:
    rows = AuPreviews(levels=(0, 5))._asked(model(Part()))
    assert list(rows) == ["AU6", "AU12"]
    assert [one.prompt for one in rows["AU12"]] == ["a photo of a face bop"] * 2
    assert [one.vector[1] for one in rows["AU12"] if one.vector] == [0, 5]
    assert list(AuPreviews(units=[12])._asked(model(Part()))) == ["AU12"]


def test_what_cannot_be_told() -> None:
    with pytest.raises(ValueError, match="is for a model with AuConditioner: take `previews` instead"):
        AuPreviews()._asked(model())
    with pytest.raises(ValueError, match="AU4 is none of the model's units: 6, 12"):
        AuPreviews(units=[4])._asked(model(Part()))
