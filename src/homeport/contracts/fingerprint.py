"""A short name for what a contract promises: equal promises, equal fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from homeport.contracts.api import Contract, MethodContract, Schema

# Words that hold schemas by a name of the user's, which may well be "title".
_NAMED_SCHEMAS = frozenset({"properties", "$defs", "patternProperties"})
_SCHEMA_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_UNORDERED = frozenset({"anyOf", "oneOf", "allOf", "required", "enum"})
_PROSE = frozenset({"title", "description", "default", "examples", "deprecated", "$comment", "discriminator"})


def fingerprint(contract: Contract) -> str:
    """16 hex digits over names, types, optionality, streaming and declared errors.

    Docs, defaults and policy (timeouts, routing, idempotence) do not count, nor does the order of methods.
    """
    promised = {
        "service": contract.service,
        "asgi": contract.asgi,
        "methods": sorted((_promise(method) for method in contract.methods), key=lambda method: str(method["name"])),
        "definitions": {
            name: bare(schema) for name, schema in reachable(_schemas(contract), contract.definitions).items()
        },
    }
    return hashlib.sha256(canonical(promised)).hexdigest()[:16]


def canonical(value: Any) -> bytes:
    """The one JSON text of a value, whatever the order of its keys."""
    return msgspec.json.encode(value, order="sorted")


def bare(schema: Mapping[str, Any]) -> Schema:
    """``schema`` without what is said for people, and in one order where order means nothing."""
    result: Schema = {}
    for word, value in schema.items():
        if word in _PROSE:
            continue
        if word in _NAMED_SCHEMAS and isinstance(value, Mapping):
            value = {name: _bare(part) for name, part in value.items()}
        elif word in _SCHEMA_LISTS and isinstance(value, list | tuple):
            value = [_bare(part) for part in value]
        elif word not in ("enum", "const"):
            value = _bare(value)
        if word in _UNORDERED and isinstance(value, list | tuple):
            value = sorted(value, key=canonical)
        if word == "required" and not value:
            continue
        result[word] = value
    return result


def reachable(schemas: Iterable[Schema], definitions: Mapping[str, Schema]) -> dict[str, Schema]:
    """The definitions that these schemas refer to, directly or not."""
    found: dict[str, Schema] = {}
    open_ends = [name for schema in schemas for name in references(schema)]
    while open_ends:
        name = open_ends.pop()
        if name not in found and name in definitions:
            found[name] = definitions[name]
            open_ends.extend(references(found[name]))
    return found


def references(schema: Any) -> list[str]:
    """The names of the definitions that this schema itself refers to."""
    if isinstance(schema, list | tuple):
        return [name for part in schema for name in references(part)]
    if not isinstance(schema, Mapping):
        return []
    found = [name for part in schema.values() for name in references(part)]
    target = schema.get("$ref")
    return [*found, target.removeprefix("#/$defs/")] if isinstance(target, str) else found


def _schemas(contract: Contract) -> Iterator[Schema]:
    for method in contract.methods:
        yield from (parameter.schema for parameter in method.parameters)
        yield method.result
        yield from (error.schema for error in method.raises)


def _bare(value: Any) -> Any:
    return bare(value) if isinstance(value, Mapping) else value


def _promise(method: MethodContract) -> dict[str, Any]:
    return {
        "name": method.name,
        "streams": method.streams,
        "parameters": [
            {"name": p.name, "schema": bare(p.schema), "required": p.required, "keyword_only": p.keyword_only}
            for p in method.parameters
        ],
        "result": bare(method.result),
        "raises": sorted(
            ({"code": e.code, "status": e.status, "schema": bare(e.schema)} for e in method.raises), key=canonical
        ),
    }
