"""The parameters of a method, as its calls are checked against them."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any, NamedTuple

from homeport.contracts.wire import type_name
from homeport.errors import BadArguments, near_names


class TypedParameter(NamedTuple):
    """One parameter with its type."""

    name: str
    type: Any
    required: bool
    keyword_only: bool = False
    positional_only: bool = False
    default: Any = inspect.Parameter.empty


class Parameters:
    """All parameters of a method, and what is wrong with a call of it."""

    def __init__(self, method: str, shown: str, parameters: tuple[TypedParameter, ...]) -> None:
        self.method = method  # cart.add
        self.shown = shown  # cart.add(product_id: str, quantity: int = 1)
        self.all = parameters
        self.by_name = {parameter.name: parameter for parameter in parameters}
        self.positional = tuple(parameter for parameter in parameters if not parameter.keyword_only)
        self.fewest = sum(parameter.required for parameter in self.positional)
        self.required = tuple(parameter.name for parameter in parameters if parameter.required)
        self.by_position = not any(parameter.keyword_only and parameter.required for parameter in parameters)

    def check_positions(self, count: int) -> None:
        """Raise ``BadArguments`` unless ``count`` arguments by position make a call."""
        if count > len(self.positional):
            takes = len(self.positional)
            raise self.bad(f"too many arguments: it takes {takes} by position, got {count}")
        self.check_names([parameter.name for parameter in self.positional[:count]])

    def check_names(self, given: Collection[str]) -> None:
        """Raise ``BadArguments`` unless exactly these arguments make a call."""
        for name in given:
            if name not in self.by_name:
                near = near_names(name, self.by_name)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise self.bad(f"unknown argument {name!r}{hint}")
        missing = [repr(name) for name in self.required if name not in given]
        if missing:
            raise self.bad(f"missing argument{'s' * (len(missing) > 1)} {', '.join(missing)}")

    def named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a mixed call by name. Raises ``BadArguments`` where Python would raise ``TypeError``."""
        if len(args) > len(self.positional):
            self.check_positions(len(args))
        named = {parameter.name: value for parameter, value in zip(self.positional, args, strict=False)}
        for name, value in kwargs.items():
            if name in named:
                raise self.bad(f"argument {name!r} is given twice")
            if name in self.by_name and self.by_name[name].positional_only:
                raise self.bad(f"argument {name!r} is taken by position only")
            named[name] = value
        self.check_names(named)
        return named

    def bad(self, what: str) -> BadArguments:
        """The error for a call that does not fit, with the signature it should have."""
        return BadArguments(f"{what}; call {self.shown}")


def shown_signature(method: str, signature: inspect.Signature) -> str:
    """``cart.add(product_id: str, quantity: int = 1)``, annotations as the source has them."""
    parts: list[str] = []
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    for index, parameter in enumerate(signature.parameters.values()):
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.KEYWORD_ONLY not in kinds[:index]:
            parts.append("*")
        parts.append(_shown_parameter(parameter))
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.POSITIONAL_ONLY not in kinds[index + 1 :]:
            parts.append("/")
    return f"{method}({', '.join(parts)})"


def _shown_parameter(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return parameter.name if parameter.default is parameter.empty else f"{parameter.name}={parameter.default!r}"
    text = annotation if isinstance(annotation, str) else type_name(annotation)
    shown = f"{parameter.name}: {text}"
    return shown if parameter.default is parameter.empty else f"{shown} = {parameter.default!r}"
