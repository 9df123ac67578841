"""Options of a command in groups: a parameter that is a dataclass stands for its fields."""

from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def grouped(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` as typer wants it: every field of its dataclass parameters is an option of its own.

    The fields are annotated as options are (``Annotated[int, typer.Option(...)]``) and have a default each.
    """
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    flat: list[Parameter] = []
    for parameter in signature(function).parameters.values():
        if group := groups.get(parameter.name):
            types = get_type_hints(group, include_extras=True)
            flat += [_parameter(one.name, _default(one), types[one.name]) for one in fields(group)]
        else:
            flat.append(_parameter(parameter.name, parameter.default, hints[parameter.name]))
    shown = Signature(flat)

    @wraps(function)
    def called(**given: Any) -> Any:
        bound = shown.bind(**given)
        bound.apply_defaults()
        left = dict(bound.arguments)
        made = {
            name: group(**{one.name: left.pop(one.name) for one in fields(group)}) for name, group in groups.items()
        }
        return function(**made, **left)

    called.__signature__ = shown  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return called


def _parameter(name: str, default: Any, annotation: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _default(field: "Field[Any]") -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
