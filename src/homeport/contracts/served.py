"""Which functions of a class are its methods: the one rule that scanning, serving and calling share."""

from __future__ import annotations

import ast
import inspect
import types
from typing import Any, NamedTuple

from homeport.contracts.annotations import raw_annotations

HOOKS = frozenset({"startup", "shutdown", "health"})
_STREAM_NAMES = frozenset({"AsyncIterator", "AsyncGenerator", "AsyncIterable"})


class Served(NamedTuple):
    """A method as the class has it, and the class that defines it."""

    name: str
    function: Any  # a FunctionType; typed so, a checker would take it for a bound method
    owner: type


def served_methods(cls: type) -> dict[str, types.FunctionType]:
    """The functions of ``cls`` that callers may call, by name, inherited ones included.

    A public ``async def`` is a method, and so is a ``def`` that carries ``__homeport_method__``; in a Protocol also a
    ``def`` annotated to return an async iterator. Hooks, names with a leading underscore, properties, static and class
    methods are not.
    """
    return {served.name: served.function for served in served_by(cls)}


def served_by(cls: type) -> list[Served]:
    """As ``served_methods``, with the defining classes; in order of name."""
    seen: set[str] = set()
    found: list[Served] = []
    for owner in cls.__mro__:
        for name, value in vars(owner).items():
            if name in seen:
                continue
            seen.add(name)
            if _is_method(cls, name, value):
                found.append(Served(name, value, owner))
    return sorted(found, key=lambda served: served.name)


def streams(function: types.FunctionType) -> bool:
    """Whether a call of this method gives many items rather than one result."""
    plain = inspect.unwrap(function)
    return inspect.isasyncgenfunction(plain) or (not inspect.iscoroutinefunction(plain) and _returns_stream(plain))


def threaded(function: types.FunctionType) -> bool:
    """Whether the body of this method blocks, and so runs in a thread."""
    return not inspect.iscoroutinefunction(inspect.unwrap(function)) and not streams(function)


def _is_method(cls: type, name: str, value: Any) -> bool:
    if name.startswith("_") or name in HOOKS or not isinstance(value, types.FunctionType):
        return False
    plain = inspect.unwrap(value)
    if inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain):
        return True
    if getattr(value, "__homeport_method__", None) is not None:
        return True
    return bool(getattr(cls, "_is_protocol", False)) and _returns_stream(plain)


def _returns_stream(function: Any) -> bool:
    """Judged by the name alone, since a string annotation may not be resolvable yet."""
    returned = raw_annotations(function).get("return")
    if not isinstance(returned, str):
        origin = getattr(returned, "__origin__", returned)
        return getattr(origin, "__name__", "") in _STREAM_NAMES
    try:
        node = ast.parse(returned, mode="eval").body
    except SyntaxError:
        return False
    if isinstance(node, ast.Subscript):
        node = node.value
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in _STREAM_NAMES
