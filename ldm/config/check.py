"""The whole tree against the signatures of what it names. Targets are imported; nothing is built."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from ldm.config.read import UNRESOLVED, Tree, Unresolved
from ldm.config.schema import Parameter, Signature, complaint, did_you_mean, shown, signature_of
from ldm.util import get_obj_from_str

TOP = ("model", "data", "lightning")
NODE = ("target", "params")
MANY = 20  # parameters; a longer list is left out where a near name was found
BESIDE_MODEL = {
    "base_learning_rate": Parameter("base_learning_rate", Annotated[float, Field(gt=0)], False, None),
    "scale_lr": Parameter("scale_lr", bool, False, True),
}
"""What stands beside the target of the model, for the trainer."""

# The parts of `lightning`, and whose arguments they are (ldm.runs.trainer and ldm.runs.loggers put them together).
LIGHTNING = ("trainer", "strategy", "callbacks", "modelcheckpoint", "logger", "wandb")
TRAINER = "pytorch_lightning.Trainer"
CHECKPOINT = "ldm.runs.checkpoint.CheckpointEvery"
# Callbacks that need no target, because the run knows them by these names.
CALLBACKS = {
    "image_logger": "ldm.runs.callbacks.ImageLogger",
    "ema": "ldm.runs.ema.Ema",
    "best": "ldm.runs.best.BestCheckpoint",
    "previews": "ldm.runs.previews.Previews",
}
WANDB = "ldm.runs.weights_and_biases.Wandb"
LOGGER = Parameter("logger", Literal["tensorboard", "wandb"] | None, False, None)


def check(tree: Tree) -> list[str]:
    """Every problem of a merged, resolved config, each a line that begins with its path."""
    problems = _keys(tree, "", TOP)
    for key in ("model", "data"):
        if key in tree:
            problems += _node(tree[key], key)
    return problems + _lightning(tree.get("lightning"))


def _node(node: Any, path: str, default_target: str | None = None) -> list[str]:
    """Problems of one ``{target, params}``."""
    if node is UNRESOLVED:
        return []
    if not isinstance(node, Mapping):
        return [f"{path}: {shown(node)} given, a mapping with 'target' and 'params' wanted"]
    extra = BESIDE_MODEL if path == "model" else {}
    problems = _keys(node, path, (*NODE, *extra))
    for key, parameter in extra.items():
        if key in node and (wrong := complaint(parameter, node[key])):
            problems.append(f"{path}.{key}: {wrong}")
    target, params = node.get("target", default_target), node.get("params")
    if target is UNRESOLVED or params is UNRESOLVED:
        return problems
    if not isinstance(target, str):
        given = "missing" if target is None else f"{shown(target)} given"
        return [*problems, f"{path}.target: {given}, the dotted path of a class wanted: package.module.Name"]
    if params is not None and not isinstance(params, Mapping):
        return [*problems, f"{path}.params: {shown(params)} given, the arguments of {target} wanted"]
    try:
        called = get_obj_from_str(target)
    except ImportError as error:
        return [
            *problems,
            f"{path}.target: {str(error).removeprefix('target ')}{_near_target(target)}",
            *_inner(params or {}, f"{path}.params"),
        ]
    if not callable(called):
        return [*problems, f"{path}.target: {target} is a {type(called).__name__}, not a class or a function"]
    return problems + arguments(signature_of(called), params or {}, f"{path}.params")


def arguments(signature: Signature, params: Mapping[str, Any], path: str) -> list[str]:
    """Problems of ``params`` as arguments: names, types, ranges, choices, and all nodes inside."""
    problems = []
    for name, value in params.items():
        parameter = signature.parameters.get(name)
        if parameter is None:
            problems += [f"{path}.{name}: {_unknown(signature, name)}"] if signature.closed else []
        elif not parameter.writable:
            problems.append(
                f"{path}.{name}: {signature.name} is handed this by its owner; it cannot be written in YAML"
            )
        elif wrong := complaint(parameter, value):
            problems.append(f"{path}.{name}: {wrong}")
    problems += [
        f"{path}.{name}: missing; {signature.name} needs it"
        for name, parameter in signature.parameters.items()
        if parameter.required and name not in params
    ]
    return problems + _inner(params, path)


def _unknown(signature: Signature, name: str) -> str:
    near = did_you_mean(name, signature.writable)
    takes = f"; it takes {', '.join(signature.writable) or 'nothing'}"
    long = near and len(signature.writable) > MANY
    return f"{signature.name} has no such parameter{near}{'' if long else takes}"


def _inner(params: Mapping[str, Any], path: str) -> list[str]:
    return [problem for place, node in _inner_nodes(params, path) for problem in _node(node, place)]


def _inner_nodes(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The nodes inside a value, the nearest only: a node looks into its own ``params``."""
    items: list[tuple[str, Any, bool]] = []
    if isinstance(value, Mapping):
        items = [(f"{path}.{key}", inner, str(key).endswith("_config")) for key, inner in value.items()]
    elif isinstance(value, list):
        items = [(f"{path}[{index}]", inner, False) for index, inner in enumerate(value)]
    for place, inner, named_so in items:
        looks_so = isinstance(inner, Mapping) and ("target" in inner or "params" in inner or named_so)
        if looks_so:
            yield place, inner
        else:
            yield from _inner_nodes(inner, place)


def _lightning(section: Any) -> list[str]:
    if section is None or section is UNRESOLVED:
        return []
    if not isinstance(section, Mapping):
        return [f"lightning: {shown(section)} given, a mapping wanted: {', '.join(LIGHTNING)}"]
    problems = _keys(section, "lightning", LIGHTNING)
    for key in ("trainer", "modelcheckpoint", "callbacks", "wandb"):
        if not isinstance(section.get(key) or {}, Mapping | Unresolved):
            problems.append(f"lightning.{key}: {shown(section[key])} given, a mapping wanted")
    if isinstance(trainer := section.get("trainer"), Mapping):
        problems += arguments(_trainer(), trainer, "lightning.trainer")
    if isinstance(checkpoint := section.get("modelcheckpoint"), Mapping):
        problems += _keys(checkpoint, "lightning.modelcheckpoint", ("params",))
        called = signature_of(get_obj_from_str(CHECKPOINT))
        problems += arguments(called, checkpoint.get("params") or {}, "lightning.modelcheckpoint.params")
    if isinstance(callbacks := section.get("callbacks"), Mapping):
        for name, node in ((name, node) for name, node in callbacks.items() if node is not None):  # null leaves it out
            problems += _node(node, f"lightning.callbacks.{name}", CALLBACKS.get(name))
    if isinstance(settings := section.get("wandb"), Mapping):
        problems += arguments(signature_of(get_obj_from_str(WANDB)), settings, "lightning.wandb")
    if section.get("strategy"):
        problems += _node(section["strategy"], "lightning.strategy")
    if wrong := complaint(LOGGER, section.get("logger")):
        problems.append(f"lightning.logger: {wrong}")
    return problems


def _keys(section: Mapping[str, Any], path: str, known: tuple[str, ...]) -> list[str]:
    return [
        f"{f'{path}.{key}'.lstrip('.')}: no such key{did_you_mean(key, known)}; there are {', '.join(known)}"
        for key in section
        if key not in known
    ]


def _trainer() -> Signature:
    """Lightning's trainer, whose precision may also be "auto" here."""
    trainer = signature_of(get_obj_from_str(TRAINER))
    precision = trainer.parameters["precision"]
    also_auto = replace(precision, hint=Literal["auto"] | precision.hint)
    return replace(trainer, parameters={**trainer.parameters, "precision": also_auto})


def _near_target(target: str) -> str:
    """The nearest name to a dotted path that leads nowhere, looked up in the last part that exists."""
    parts = target.split(".")
    for depth in range(len(parts) - 1, 0, -1):
        parent = ".".join(parts[:depth])
        try:
            module = importlib.import_module(parent)
        except ImportError:
            continue
        names = [name for name in dir(module) if not name.startswith("_")]
        names += [found.name for found in pkgutil.iter_modules(getattr(module, "__path__", []))]
        near = did_you_mean(parts[depth], names)
        return near.replace("'", f"'{parent}.", 1) if near else ""
    return ""
