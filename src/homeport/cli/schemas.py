"""Reads JSON schemas of contracts: as type names, as example values, and against values at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homeport.contracts.api import MethodContract, Schema

Definitions = Mapping[str, Schema]

_TYPE_NAMES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "object": "dict",
    "array": "list",
}
_FORMAT_NAMES = {
    "date-time": "datetime",
    "date": "date",
    "time": "time",
    "duration": "timedelta",
    "uuid": "UUID",
    "uuid4": "UUID",
    "decimal": "Decimal",
    "byte": "bytes",
    "binary": "bytes",
}
_FORMAT_EXAMPLES = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "time": "12:00:00",
    "duration": "PT5M",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uuid4": "00000000-0000-4000-8000-000000000000",
    "decimal": "9.99",
    "byte": "aGVsbG8=",
    "email": "you@example.com",
    "uri": "https://example.com",
}
_DEEPEST = 6  # levels an example goes down before it leaves the rest open; schemas may refer to themselves


def signature(method: MethodContract) -> str:
    """The method as one would write its head: ``add(user_id: str, quantity: int = 1) -> Cart``."""
    parts: list[str] = []
    starred = False
    for parameter in method.parameters:
        if parameter.keyword_only and not starred:
            parts.append("*")
            starred = True
        text = parameter.name
        if parameter.schema:
            text += f": {type_name(parameter.schema)}"
        if not parameter.required:
            default = _literal(parameter.schema["default"]) if "default" in parameter.schema else "..."
            text += f" = {default}" if parameter.schema else f"={default}"
        parts.append(text)
    result = type_name(method.result) if method.result else ""
    if method.streams:
        result = f"stream of {result or 'items'}"
    return f"{method.name}({', '.join(parts)})" + (f" -> {result}" if result else "")


def type_name(schema: Schema) -> str:
    """A schema in Python's words, short."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(type_name(option) for option in schema[union]))
    if "const" in schema:
        return _literal(schema["const"])
    if "enum" in schema:
        return " | ".join(_literal(value) for value in schema["enum"])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_TYPE_NAMES.get(one, str(one)) for one in kind)
    if kind == "string":
        return _FORMAT_NAMES.get(str(schema.get("format") or schema.get("contentEncoding", "")), "str")
    if kind == "array" and isinstance(schema.get("items"), dict):
        return f"list[{type_name(schema['items'])}]"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"dict[str, {type_name(schema['additionalProperties'])}]"
    if kind == "object" and schema.get("title"):
        return str(schema["title"])
    return _TYPE_NAMES.get(str(kind), "Any")


def example(schema: Schema, definitions: Definitions, blank: str, depth: int = 0) -> Any:
    """A value that fits the schema; ``blank`` stands where any text goes."""
    schema = resolve(schema, definitions)
    if depth > _DEEPEST or not schema:
        return blank
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            options = [option for option in schema[union] if option.get("type") != "null"] or schema[union]
            return example(options[0], definitions, blank, depth + 1)
    return _example_of_type(schema, definitions, blank, depth)


def _example_of_type(schema: Schema, definitions: Definitions, blank: str, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind == "integer":
        return max(1, int(schema.get("minimum", 1)))
    if kind == "number":
        return max(1.5, float(schema.get("minimum", 1.5)))
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    if kind == "array":
        items = [*schema.get("prefixItems", [])] or [schema.get("items") or {}]
        return [example(item, definitions, blank, depth + 1) for item in items if isinstance(item, dict)]
    if kind == "object":
        properties = schema.get("properties", {})
        required = schema.get("required", list(properties))
        return {name: example(properties.get(name, {}), definitions, blank, depth + 1) for name in required}
    return _FORMAT_EXAMPLES.get(str(schema.get("format") or schema.get("contentEncoding", "")), blank)


def fits(value: Any, schema: Schema, definitions: Definitions, depth: int = 0) -> bool:
    """Whether a JSON value has the schema's shape; formats and limits are left to the service."""
    schema = resolve(schema, definitions)
    if depth > _DEEPEST:
        return True
    if "const" in schema:
        return bool(value == schema["const"])
    if "enum" in schema:
        return value in schema["enum"]
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return any(fits(value, option, definitions, depth + 1) for option in schema[union])
    kinds = schema.get("type")
    if kinds is not None and not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return False
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return set(schema.get("required", ())) <= value.keys() and all(
            fits(item, properties[name], definitions, depth + 1) for name, item in value.items() if name in properties
        )
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return all(fits(item, schema["items"], definitions, depth + 1) for item in value)
    return True


def resolve(schema: Schema, definitions: Definitions) -> Schema:
    """Follow ``$ref`` (and a lone ``allOf``) to the definition."""
    for _ in range(_DEEPEST):
        if "$ref" in schema:
            schema = definitions.get(str(schema["$ref"]).rsplit("/", 1)[-1], {})
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        else:
            return schema
    return {}


def _is(value: Any, kind: str) -> bool:
    match kind:
        case "integer":
            return (isinstance(value, int) and not isinstance(value, bool)) or (
                isinstance(value, float) and value.is_integer()
            )
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    return True


def _literal(value: Any) -> str:
    return repr(value)
