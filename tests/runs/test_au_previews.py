"""Action units drawn while a model learns: what is refused before the first step."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ldm.modules.au_conditioner import AuConditioner
from ldm.runs.au_previews import AuPreviews
from tests.models.diffusion.conftest import Make, make

__all__ = ["make"]


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


def test_a_step_that_is_drawn_a_second_time_shows_the_second_model(make: Make, tmp_path: Path) -> None:
    """A run that was killed and goes on, maybe with another prompt."""
    bop = {"target": f"{AuConditioner.__module__}.AuConditioner", "params": {"placeholder_string": "bop", "units": [6]}}
    model = make(bop).eval()
    sheets = []
    with torch.no_grad():
        for prompt in ("a face", "a photo of a man"):
            looks = AuPreviews(prompt=prompt, levels=(5.0,), num_inference_steps=1)
            [(_, sheet, words)] = looks.draw(model, tmp_path, 3)
            assert words == prompt
            sheets.append(np.asarray(sheet))
    assert not (sheets[0] == sheets[1]).all()
