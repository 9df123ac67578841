"""Classes that configs name in these tests, and a config that is right."""

import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from torch import nn

from ldm.config import ConfigError, Injected, load_config

HERE = __name__


class Colour(enum.Enum):
    RED = "red"


class Inner:
    def __init__(self, size: Annotated[int, Field(gt=0, le=10)], rate: float = 0.1) -> None: ...


class Other:
    def __init__(self, words: Sequence[str] = ()) -> None: ...


class Model:
    def __init__(
        self,
        inner_config: Mapping[str, Any],
        width: Injected[int],
        encoder: nn.Module,
        weights: Path = Path("weights"),
        split: Literal["train", "val"] = "train",
        pair: tuple[int, int] = (1, 2),
        colour: Colour | None = None,
        nodes: Sequence[Mapping[str, Any]] = (),
        flag: bool = False,
        momentum: Annotated[float, Field(ge=0, lt=1)] | None = None,
        steps: int | Literal["auto"] = "auto",
        optional_encoder: nn.Module | None = None,
    ) -> None: ...


def function(size: int) -> int:
    return size


GOOD = f"""
model:
  target: {HERE}.Model
  base_learning_rate: 1.0e-3
  params:
    inner_config: {{target: {HERE}.Inner, params: {{size: 3}}}}
"""


def problems(path: Path | list[Path], *overrides: str, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config([path] if isinstance(path, Path) else path, overrides, **options)
    return caught.value.problems
