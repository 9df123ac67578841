"""Type hints in words: what an error message says was wanted."""

import enum
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

PLAIN = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    types.NoneType: "null",
    Path: "a path",
    Any: "anything",
    list: "a list",
    set: "a list",
    tuple: "a list",
    dict: "a mapping",
}
LIMITS: dict[type, tuple[str, str]] = {
    annotated_types.Gt: ("gt", "greater than"),
    annotated_types.Ge: ("ge", "at least"),
    annotated_types.Lt: ("lt", "less than"),
    annotated_types.Le: ("le", "at most"),
    annotated_types.MultipleOf: ("multiple_of", "a multiple of"),
    annotated_types.MinLen: ("min_length", "of at least this length:"),
    annotated_types.MaxLen: ("max_length", "of at most this length:"),
}


def wanted(hint: Any) -> str:
    """A type hint in words: ``Annotated[int, Field(gt=0)]`` gives ``"a whole number greater than 0"``."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        limits = [words for extra in args[1:] for words in _limits(extra)]
        return " ".join([wanted(args[0]), " and ".join(limits)]).strip()
    if origin in (Union, types.UnionType):
        choices = tuple(option for arg in args if get_origin(arg) is Literal for option in get_args(arg))
        others = [wanted(arg) for arg in args if get_origin(arg) is not Literal]
        return " or ".join(([_choice(choices)] if choices else []) + others)
    if origin is Literal:
        return _choice(args)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _choice(tuple(member.value for member in hint))
    if origin is tuple and args[-1] is not Ellipsis:
        return f"a list of {len(args)}: " + ", ".join(wanted(arg) for arg in args)
    if origin in (list, set, tuple) and args[0] is not Any:
        return f"a list, each {wanted(args[0])}"
    if origin is dict and args[1] is not Any:
        return f"a mapping, each value {wanted(args[1])}"
    return PLAIN.get(origin or hint, str(hint))


def _choice(options: tuple[Any, ...]) -> str:
    return ("one of " if len(options) > 1 else "") + ", ".join(repr(option) for option in options)


def _limits(extra: Any) -> list[str]:
    found = []
    for item in extra.metadata if isinstance(extra, FieldInfo) else [extra]:
        attribute, words = LIMITS.get(type(item), ("", ""))
        found += [f"{words} {getattr(item, attribute)}"] if words else []
    return found
