"""From a config node to an object: ``{target: dotted.path, params: {...}}``."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any


def get_obj_from_str(path: str) -> Any:
    """The object that a dotted path names, for example ``"ldm.data.module.DataModuleFromConfig"``.

    Raises:
        ImportError: the module or the name in it does not exist. An import error *inside* an existing module is
            passed on unchanged, because it is a defect of that module and not of the path.
    """
    module_name, _, name = path.rpartition(".")
    if not module_name:
        raise ImportError(f"target {path!r} is not a dotted path: write 'package.module.Name'")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise ImportError(f"target {path!r}: there is no module {error.name!r}") from error
        raise
    if not hasattr(module, name):
        raise ImportError(f"target {path!r}: module {module_name!r} has no {name!r}")
    return getattr(module, name)


def parameters_of(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The named parameters that ``target`` takes when it is called."""
    return inspect.signature(target).parameters


def instantiate_from_config(config: Mapping[str, Any], **injected: Any) -> Any:
    """Build the object that a config node describes.

    Values come in the types the constructor names: a text as a Path, a list as a tuple, OmegaConf as plain Python.

    Args:
        config: ``target`` and, unless it takes none, ``params``.
        injected: what the owner knows and YAML cannot write (a tokenizer, a basis). Handed on where the constructor
            has a parameter of that name, otherwise left out.

    Raises:
        KeyError: the node has no ``target``.
    """
    if "target" not in config:
        raise KeyError(f"a config node needs the key 'target' to become an object; it has {sorted(config)}")
    from ldm.config.schema import typed  # late: ldm.config finds its targets by this module

    target = get_obj_from_str(config["target"])
    accepted = parameters_of(target)
    passed_on = {name: value for name, value in injected.items() if name in accepted}
    return target(**{**typed(target, config.get("params") or {}), **passed_on})
