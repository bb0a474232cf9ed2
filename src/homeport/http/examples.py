"""Example values for JSON schemas: what the documentation shows, and what a refused call is corrected to."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from homeport.contracts.api import Contract, MethodContract, Schema

_FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00",
    "duration": "PT5M",
    "uuid": "8c4d1b5e-6f0a-4a53-9d1c-0c2f4f6a7b10",
    "decimal": "9.99",
    "uri": "https://example.com/",
    "email": "ann@example.com",
}
_DEPTH = 8  # deeper than people write by hand; ends recursive types


def example_arguments(method: MethodContract, definitions: Mapping[str, Schema]) -> dict[str, Any]:
    """Arguments by name that fit: the required ones, or all when none is required."""
    chosen = [parameter for parameter in method.parameters if parameter.required] or list(method.parameters)
    return {parameter.name: example_of(parameter.schema, definitions) for parameter in chosen}


def example_of(schema: Schema | bool, definitions: Mapping[str, Schema], depth: int = _DEPTH) -> Any:
    """A small value that fits ``schema``; references are looked up in ``definitions``."""
    if not isinstance(schema, dict) or depth == 0:
        return None
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    for given in ("examples", "enum"):
        if schema.get(given):
            return schema[given][0]
    if "$ref" in schema:
        return example_of(definitions.get(schema["$ref"].rpartition("/")[2], {}), definitions, depth - 1)
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            return example_of(_first_that_says_something(schema[union]), definitions, depth - 1)
    if schema.get("allOf"):
        return example_of(schema["allOf"][0], definitions, depth - 1)
    return _of_type(schema, definitions, depth)


def curl_example(url: str, contract: Contract, method: MethodContract) -> str:
    """A command that calls the method as its contract wants it."""
    body = json.dumps(example_arguments(method, contract.definitions), ensure_ascii=False)
    target = f"{url}/api/v1/call/{contract.service}/{method.name}"
    return f"curl {shlex.quote(target)} -H 'content-type: application/json' -d {shlex.quote(body)}"


def _first_that_says_something(options: list[Schema]) -> Schema:
    return next((option for option in options if option.get("type") != "null"), options[0])


def _of_type(schema: Schema, definitions: Mapping[str, Schema], depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind == "object" or "properties" in schema:
        return _object(schema, definitions, depth)
    if kind == "array" or "prefixItems" in schema:
        return _array(schema, definitions, depth)
    if kind == "string":
        return _string(schema)
    if kind in ("integer", "number"):
        return _number(schema, 1 if kind == "integer" else 1.5)
    return {"boolean": True, "null": None}.get(str(kind), "…")


def _object(schema: Schema, definitions: Mapping[str, Schema], depth: int) -> dict[str, Any]:
    properties: dict[str, Schema] = schema.get("properties", {})
    names = [name for name in properties if name in schema.get("required", ())] or list(properties)
    value = {name: example_of(properties[name], definitions, depth - 1) for name in names}
    if not properties and isinstance(schema.get("additionalProperties"), dict):
        return {"key": example_of(schema["additionalProperties"], definitions, depth - 1)}
    return value


def _array(schema: Schema, definitions: Mapping[str, Schema], depth: int) -> list[Any]:
    fixed = [example_of(item, definitions, depth - 1) for item in schema.get("prefixItems", ())]
    if fixed or schema.get("items") in (None, False):
        return fixed
    return [example_of(schema["items"], definitions, depth - 1)] * max(1, min(3, schema.get("minItems", 1)))


def _string(schema: Schema) -> str:
    text = _FORMATS.get(schema.get("format", ""), "text")
    if schema.get("contentEncoding") == "base64":
        text = "aGVsbG8="
    return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", len(text) + 64)]


def _number(schema: Schema, usual: float) -> float:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    value = usual
    if low is not None and low > value:
        value = low
    elif above is not None and above >= value:
        value = above + usual
    if high is not None and high < value:
        value = high
    elif below is not None and below <= value:
        value = below - usual
    return value
