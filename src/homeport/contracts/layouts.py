"""Unions that msgspec would lay out wrongly in memory: a tuple of fixed length beside a member with limits.

msgspec 0.22 keeps a length and a limit of one union in the same place. It then reads one for the other: refuses what
fits, or crashes the process. So such a union is never handed to it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Union

import msgspec

_LIMITS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length")


def is_unsound(members: Iterable[Any]) -> bool:
    """Whether a union of these types would be laid out wrongly."""
    found = list(members)
    return any(map(_is_fixed, found)) and any(map(_is_limited, found))


def unsound_field(hints: Iterable[Any]) -> str:
    """The field, as ``Order.size``, with such a union, of any class that these lead to; empty if there is none."""
    seen: set[Any] = set()
    pending = [cls for hint in hints for cls in _classes(hint)]
    while pending:
        cls = pending.pop()
        if cls in seen:
            continue
        seen.add(cls)
        for name, field in _fields(cls).items():
            if any(is_unsound(union) for union in _unions(field)):
                return f"{cls.__qualname__}.{name}"
            pending.extend(_classes(field))
    return ""


def _is_fixed(hint: Any) -> bool:
    hint = _plain(hint)
    return typing.get_origin(hint) is tuple and typing.get_args(hint)[-1:] != (...,)


def _is_limited(hint: Any) -> bool:
    notes = typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()
    return any(isinstance(note, msgspec.Meta) and _limits(note) for note in notes)


def _limits(note: msgspec.Meta) -> bool:
    return any(getattr(note, limit) is not None for limit in _LIMITS)


def _plain(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def _parts(hint: Any) -> Iterator[Any]:
    """The annotation with all that it spells out, but for the fields of its classes."""
    pending = [hint]
    while pending:
        part = pending.pop()
        yield part
        named = getattr(part, "__value__", None) or getattr(part, "__supertype__", None)
        pending.extend(typing.get_args(part) if named is None else (named,))


def _unions(hint: Any) -> Iterator[tuple[Any, ...]]:
    for part in _parts(hint):
        if typing.get_origin(part) in (Union, types.UnionType):
            yield typing.get_args(part)


def _classes(hint: Any) -> Iterator[Any]:
    for part in _parts(hint):
        cls = typing.get_origin(part) or part
        if isinstance(cls, type) and (hasattr(cls, "__annotations__") or hasattr(cls, "__struct_fields__")):
            yield cls


def _fields(cls: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:
        return {}  # an annotation that cannot be resolved is told where its type is described
