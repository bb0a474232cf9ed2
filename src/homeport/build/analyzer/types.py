"""Annotations as types, as far as they are built of Python's own: what else they name may be anything."""

from __future__ import annotations

import ast
import functools
import operator
import types
import typing
from collections.abc import Iterator
from types import NoneType
from typing import Any, Literal, Protocol, Union

_PLAIN: dict[str, Any] = {
    f"builtins.{of.__name__}": of for of in (int, float, str, bool, bytes, bytearray, list, dict, set, frozenset, tuple)
}
_PLAIN |= {
    f"typing.{name}": of
    for name, of in (("List", list), ("Dict", dict), ("Set", set), ("FrozenSet", frozenset), ("Tuple", tuple))
}
# Abstract classes stand for what the decoder makes of them.
_PLAIN |= {
    f"{module}.{name}": of
    for of, names in ((list, "Sequence MutableSequence Collection"), (dict, "Mapping MutableMapping"))
    for name in names.split()
    for module in ("typing", "collections.abc")
} | {"collections.abc.Set": set, "collections.abc.MutableSet": set, "typing.AbstractSet": set, "typing.MutableSet": set}
_MOST_ARGUMENTS = {list: 1, set: 1, frozenset: 1, dict: 2}


class Names(Protocol):
    """What names mean where the annotation stands."""

    def outside(self, name: str) -> str:
        """The full name of something that the application does not define; empty for all else."""


def static_type(annotation: str, names: Names) -> Any:
    """The type that an annotation stands for, with ``Any`` in place of what is not known.

    So a value that the type refuses is one that the annotation refuses.
    """
    node = parsed(annotation)
    return _type(node, names) if node is not None else Any


@functools.lru_cache(maxsize=4096)  # an application writes few different ones, and each many times
def parsed(annotation: str) -> ast.expr | None:
    """The expression that an annotation is; None for one that is none."""
    try:
        return ast.parse(annotation, mode="eval").body if annotation else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def alternatives(of: Any) -> Iterator[type]:
    """The plain classes that values of a type have; nothing when there may be others."""
    options = typing.get_args(of) if typing.get_origin(of) in (Union, types.UnionType) else (of,)
    found: list[type] = []
    for option in options:
        origin = typing.get_origin(option) or option
        if origin is Literal:
            found.extend(type(value) for value in typing.get_args(option))
        elif isinstance(origin, type) and origin is not Any:  # from 3.11 on, Any is a class
            found.append(origin)
        else:
            return
    yield from found


def meaning(node: ast.expr, names: Names) -> str:
    """The full name that a dotted expression stands for, outside the application; empty for all else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return names.outside(".".join([node.id, *reversed(parts)])) if isinstance(node, ast.Name) else ""


def _type(node: ast.expr, names: Names) -> Any:
    match node:
        case ast.Constant(value=None):
            return NoneType
        case ast.Constant(value=str(text)):
            return static_type(text, names)
        case ast.BinOp(op=ast.BitOr()):
            return _union([_type(node.left, names), _type(node.right, names)])
        case ast.Subscript():
            return _generic(meaning(node.value, names), node.slice, names)
    return _PLAIN.get(meaning(node, names), Any)


def _generic(name: str, inside: ast.expr, names: Names) -> Any:
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    match name.removeprefix("typing_extensions.").removeprefix("typing."):
        case "Optional":
            return _union([_type(parts[0], names), NoneType])
        case "Union":
            return _union([_type(part, names) for part in parts])
        case "Annotated":
            return _type(parts[0], names)
        case "Literal":
            return _literal(parts)
    plain = _PLAIN.get(name, Any)
    if plain is tuple:
        return tuple[tuple(... if _is_ellipsis(part) else _type(part, names) for part in parts)]  # type: ignore[misc]
    if plain is Any or len(parts) > _MOST_ARGUMENTS.get(plain, 0):
        return plain
    return plain[tuple(_type(part, names) for part in parts)]


def _union(members: list[Any]) -> Any:
    return Any if Any in members else functools.reduce(operator.or_, members)


def _literal(parts: list[ast.expr]) -> Any:
    try:
        return Literal[tuple(ast.literal_eval(part) for part in parts)]
    except (ValueError, TypeError):
        return Any


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...
