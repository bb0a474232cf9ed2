"""Unions that msgspec cannot decode by itself, made to work where the data says which member it is.

Between untagged classes (two dataclasses, a model and a dataclass) the members are tried in order. That is only sound
if an earlier member never takes what a later one wrote, so unions where it might are refused when they are defined.
"""

from __future__ import annotations

import collections.abc
import functools
import operator
import types
import typing
from typing import Annotated, Any, Literal, Union

from homeport.contracts.api import Schema
from homeport.contracts.layouts import is_unsound
from homeport.contracts.reading import follow
from homeport.contracts.schemas import Schemas, Unfit
from homeport.contracts.wire import Alternatives, msgpack_decoder, type_name


def decodable(hint: Any) -> Any:
    """``hint`` with such unions replaced by stand-ins that our decoders know, and ``object`` by ``Any``.

    Only what the annotation itself spells out is looked into, not the fields of its classes. Raises ``Unfit``.
    """
    if hint is object:
        return Any
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is None or origin in (Literal, collections.abc.Callable):
        return hint
    if origin is Annotated:
        inner, *notes = arguments
        return Annotated[(decodable(inner), *notes)]
    changed = tuple(argument if argument is ... else decodable(argument) for argument in arguments)
    if origin in (Union, types.UnionType):
        return _union(changed)
    same = all(new is old for new, old in zip(changed, arguments, strict=True))
    return hint if same else origin[changed]


def _union(members: tuple[Any, ...]) -> Any:
    if is_unsound(members):
        return _choice(members)
    union = _union_of(members)
    try:
        msgpack_decoder(union)
    except TypeError as error:
        if "union" not in str(error):
            return union  # the culprit is a member; it is named when the schema is made
    except Exception:
        return union
    else:
        return union
    return _choice(members)


def _choice(members: tuple[Any, ...]) -> Any:
    """A stand-in for their union whose members are tried one by one."""
    options = tuple(member for member in members if member is not type(None))
    choice = _alternatives(options)
    return choice | None if len(options) < len(members) else choice


def _union_of(members: tuple[Any, ...]) -> Any:
    return functools.reduce(operator.or_, members)


def _alternatives(options: tuple[Any, ...]) -> type[Alternatives]:
    shown = " | ".join(type_name(option) for option in options)
    described = Schemas(options)
    schemas = [follow(schema, described.definitions) for schema in described.schemas]
    for later in range(1, len(options)):
        for earlier in range(later):
            if not never_takes(schemas[earlier], schemas[later], described.definitions):
                first, second = type_name(options[earlier]), type_name(options[later])
                raise Unfit(
                    "",
                    f"{first} and {second} in the union {shown} cannot be told apart on the wire; make them "
                    f"msgspec.Struct classes with tag=True, or give each a field with a Literal of its own",
                )
    return type("Alternatives", (Alternatives,), {"options": options, "shown": shown})


def never_takes(reader: Schema, written: Schema, definitions: dict[str, Schema]) -> bool:
    """Whether data of ``written`` certainly fails to decode as ``reader``."""
    kinds = {reader.get("type"), written.get("type")}
    if len(kinds) == 2:
        return None not in kinds and kinds != {"integer", "number"}
    if kinds != {"object"} or "properties" not in reader or "properties" not in written:
        return False
    if written.get("additionalProperties", False) is not False:
        return False
    if set(reader.get("required", ())) - set(written["properties"]):
        return True
    shared = reader["properties"].keys() & written["properties"].keys()
    constants = [(_constants(reader, name, definitions), _constants(written, name, definitions)) for name in shared]
    return any(mine and others and mine.isdisjoint(others) for mine, others in constants)


def _constants(record: Schema, name: str, definitions: dict[str, Schema]) -> set[Any]:
    """The only values a property may have; empty if it may have others."""
    schema = follow(record["properties"][name], definitions)
    return {schema["const"]} if "const" in schema else set(schema.get("enum", ()))
