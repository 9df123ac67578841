from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from ldm.config import Injected
from ldm.util import get_obj_from_str, instantiate_from_config, parameters_of

HERE = __name__


class Thing:
    def __init__(
        self,
        path: Path = Path(),
        pair: tuple[int, ...] = (),
        node: dict[str, Any] | None = None,
        width: Injected[int] = 0,
        anything=None,
    ) -> None:
        self.path, self.pair, self.node, self.width, self.anything = path, pair, node, width, anything


def test_an_object_from_its_path():
    assert get_obj_from_str("pathlib.Path") is Path
    assert list(parameters_of(Thing)) == ["path", "pair", "node", "width", "anything"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Thing", "'Thing' is not a dotted path: write 'package.module.Name'"),
        ("ldm.nowhere.Thing", "there is no module 'ldm.nowhere'"),
        ("nowhere.Thing", "there is no module 'nowhere'"),
        ("ldm.util.Thing", "module 'ldm.util' has no 'Thing'"),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_ends(path, words):
    with pytest.raises(ImportError, match=words):
        get_obj_from_str(path)


def test_a_module_with_a_defect_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_part.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        get_obj_from_str("broken_part.Thing")


def test_values_come_in_the_types_of_the_constructor():
    config = OmegaConf.create(
        {"target": f"{HERE}.Thing", "params": {"path": "a/b", "pair": [1, 2], "node": {"x": [1]}}}
    )
    thing = instantiate_from_config(config)
    assert thing.path == Path("a/b")
    assert thing.pair == (1, 2)
    assert type(thing.node) is dict
    assert type(thing.node["x"]) is list


def test_objects_given_by_python_pass_unchanged():
    marker = object()
    thing = instantiate_from_config({"target": f"{HERE}.Thing", "params": {"anything": marker, "pair": marker}})
    assert thing.anything is marker
    assert thing.pair is marker


def test_the_owner_hands_in_what_is_asked_for_and_nothing_else():
    thing = instantiate_from_config({"target": f"{HERE}.Thing"}, width=3, tokenizer=object())
    assert thing.width == 3


def test_a_node_without_target():
    with pytest.raises(KeyError, match=r"needs the key 'target' to become an object; it has \['params'\]"):
        instantiate_from_config({"params": {}})
