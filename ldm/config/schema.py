"""A constructor's signature read as the schema of its YAML: what it takes, and what is wrong with what was given."""

import collections.abc as abc
import difflib
import enum
import inspect
import json
import operator
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from omegaconf import DictConfig, ListConfig, OmegaConf
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from ldm.config.words import wanted

T = TypeVar("T")
BY_OWNER = object()
Injected = Annotated[T, BY_OWNER]
"""``token_width: Injected[int]``: handed in by the object that builds this one, never written in YAML."""

NOT_YAML: Any = object()
"""Stands for a hint whose values YAML cannot write: a module, a tensor, a tokenizer."""

# Their hints are narrower than what they take (diffusers' ``attention_head_dim: int | tuple[int]`` gets four numbers):
# of their containers only the kind is checked.
LOOSELY_TYPED = frozenset({"diffusers", "transformers", "peft", "torch", "pytorch_lightning", "wandb"})
SCALARS = (bool, int, float, str, types.NoneType)
SEQUENCES = (abc.Sequence, abc.Iterable, abc.Collection, abc.MutableSequence, list)
SETS = (abc.Set, set, frozenset)
MAPPINGS = (abc.Mapping, abc.MutableMapping, dict)


@dataclass(frozen=True)
class Parameter:
    """One argument of a constructor.

    Attributes:
        hint: what YAML may write for it, ``NOT_YAML`` if nothing.
        required: it has no default, and no owner hands it in.
        default: ``inspect.Parameter.empty`` if there is none.
    """

    name: str
    hint: Any
    required: bool
    default: Any

    @property
    def writable(self) -> bool:
        """Whether YAML may set it."""
        return self.hint is not NOT_YAML


@dataclass(frozen=True)
class Signature:
    """What a target takes. ``closed`` means that other names are an error (there is no ``**kwargs``)."""

    name: str
    parameters: Mapping[str, Parameter]
    closed: bool
    strict: bool

    @property
    def writable(self) -> list[str]:
        """The names that YAML may set."""
        return [name for name, parameter in self.parameters.items() if parameter.writable]


@lru_cache(maxsize=256)
def signature_of(target: Callable[..., Any]) -> Signature:
    """The signature of a class or a function, in terms of YAML."""
    name = getattr(target, "__name__", repr(target))
    strict = getattr(target, "__module__", "").partition(".")[0] not in LOOSELY_TYPED
    try:
        signature = inspect.signature(target)
    except ValueError:  # a constructor written in C tells nothing
        return Signature(name, {}, closed=False, strict=False)
    try:
        described: Any = getattr(target, "__init__") if isinstance(target, type) else target  # noqa: B009
        hints = typing.get_type_hints(described, include_extras=True)
    except (NameError, AttributeError, TypeError):  # hints that name types imported for a type checker only
        hints = {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = {
        key: _parameter(value, hints.get(key, Any), strict)
        for key, value in signature.parameters.items()
        if value.kind in named
    }
    closed = all(p.kind is not inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
    return Signature(name, parameters, closed, strict)


def _parameter(parameter: inspect.Parameter, hint: Any, strict: bool) -> Parameter:
    written = yaml_hint(hint, strict)
    required = parameter.default is inspect.Parameter.empty and written is not NOT_YAML and not _names_objects(hint)
    return Parameter(parameter.name, written, required, parameter.default)


def _names_objects(hint: Any) -> bool:
    """Whether ``hint`` admits, beside what YAML writes, objects it cannot: ``Iterable[Tensor] | Iterable[dict]``."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else ()
    return any(yaml_hint(option, strict=True) is NOT_YAML for option in options)


def yaml_hint(hint: Any, strict: bool) -> Any:
    """The part of a type hint that YAML can write, or ``NOT_YAML``. Not ``strict`` forgets what containers hold."""
    if hint in (Any, object) or isinstance(hint, TypeVar):
        return Any
    if hasattr(hint, "__supertype__"):  # NewType
        return yaml_hint(hint.__supertype__, strict)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        inner = yaml_hint(args[0], strict)
        by_owner = inner is NOT_YAML or BY_OWNER in args[1:]
        return NOT_YAML if by_owner else reduce(lambda annotated, extra: Annotated[annotated, extra], args[1:], inner)
    if origin in (Union, types.UnionType):
        options = [option for option in (yaml_hint(arg, strict) for arg in args) if option is not NOT_YAML]
        return NOT_YAML if set(options) <= {types.NoneType} else reduce(operator.or_, options)
    if origin is Literal or hint in SCALARS or (isinstance(hint, type) and issubclass(hint, enum.Enum)):
        return hint
    base = origin or hint
    if base is os.PathLike or (isinstance(base, type) and issubclass(base, PurePath)):
        return Path
    return _container_hint(base, args, strict)


def _container_hint(base: Any, args: tuple[Any, ...], strict: bool) -> Any:
    inner = [arg if arg is Ellipsis else yaml_hint(arg, strict) for arg in args] if strict else []
    if NOT_YAML in inner:
        return NOT_YAML
    generic: Any
    if base in MAPPINGS:
        generic, inner = dict, inner or [str, Any]
    elif base is tuple and inner:
        generic = tuple
    elif base is tuple or base in SEQUENCES:
        generic, inner = list, inner or [Any]
    elif base in SETS:
        generic, inner = set, inner or [Any]
    else:
        return NOT_YAML
    return generic[tuple(inner)]


def complaint(parameter: Parameter, value: Any) -> str | None:
    """What is wrong with ``value`` for ``parameter``, or None. A value equal to the default is always right."""
    if type(value) is type(parameter.default) and value == parameter.default:
        return None
    try:
        _adapter(parameter.hint).validate_json(json.dumps(value), strict=True)
    except ValidationError:
        return f"{shown(value)} given, {wanted(parameter.hint)} wanted{_advice(parameter.hint, value)}"
    except (TypeError, PydanticUserError):  # an object put there by Python, or a hint that pydantic has no schema for
        return None
    return None


def _adapter(hint: Any) -> TypeAdapter[Any]:
    """JSON in strict mode is what we want of YAML: a path from a text, a tuple from a list, but no 8 from "8"."""
    return TypeAdapter(hint)


def shown(value: Any) -> str:
    """A value as YAML would write it in one line, shortened to 80 characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _advice(hint: Any, value: Any) -> str:
    if not isinstance(value, str):
        return ""
    choices = [option for arg in (hint, *get_args(hint)) if get_origin(arg) is Literal for option in get_args(arg)]
    if choices:
        return did_you_mean(value, [option for option in choices if isinstance(option, str)])
    try:
        _adapter(hint).validate_json(value, strict=True)
    except ValidationError:
        return ""
    return f": write {value} without quotes"


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """``" (did you mean 'x'?)"`` for the nearest of ``candidates``, or nothing."""
    near = difflib.get_close_matches(str(name), list(candidates), n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def typed(target: Callable[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """``params`` in the types that ``target`` names: a text becomes a Path, a list a tuple, OmegaConf plain Python.

    What does not fit is handed on as it is: finding that is the business of `ldm.config.load_config`.
    """
    signature = signature_of(target)
    return {name: _typed(signature, name, value) for name, value in params.items()}


def _typed(signature: Signature, name: str, value: Any) -> Any:
    if isinstance(value, DictConfig | ListConfig):
        value = OmegaConf.to_container(value, resolve=True)
    parameter = signature.parameters.get(name)
    if parameter is None or not signature.strict or parameter.hint in (Any, NOT_YAML):
        return value
    try:
        return _adapter(parameter.hint).validate_json(json.dumps(value), strict=True)
    except (TypeError, PydanticUserError, ValidationError):
        return value
