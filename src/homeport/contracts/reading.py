"""Whether a side that knows one schema can read what a side with another one writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from homeport.contracts.api import Schema
from homeport.contracts.fingerprint import bare, canonical

Definitions = Mapping[str, Schema]

_AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LENGTHS = ("minLength", "minItems", "minProperties")  # never below 0
_SAME = ("pattern", "multipleOf")
_UNDERSTOOD = frozenset(
    {"type", "format", "contentEncoding", "const", "properties", "required", "additionalProperties", "propertyNames"}
    | {"items", "prefixItems", "uniqueItems", *_AT_LEAST, *_AT_MOST, *_SAME}
)
_KINDS = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
# Text in msgpack too, so whoever expects any text reads them; an aware datetime is not.
_TEXT_FORMATS = frozenset({"uuid", "decimal", "date", "time", "duration"})


class Reading:
    """Compares what a writer writes with what a reader reads, each with its own definitions.

    Errs on the side of an obstacle: what it lets pass can be read.
    """

    def __init__(self, reader: Definitions, writer: Definitions) -> None:
        self._reader, self._writer = reader, writer
        self._assumed: set[bytes] = set()

    def obstacles(self, reader: Schema, writer: Schema, path: str = "$") -> list[str]:
        """Why some value that may be written cannot be read; empty if all can."""
        known, sent = options(reader, self._reader), options(writer, self._writer)
        pair = canonical([known, sent])
        if {} in known or pair in self._assumed:  # of a recursive type: what holds so far may be taken to hold below
            return []
        self._assumed.add(pair)
        try:
            return [obstacle for option in sent for obstacle in self._unread(known, option, reader, path)]
        finally:
            self._assumed.discard(pair)

    def _unread(self, known: list[Schema], sent: Schema, reader: Schema, path: str) -> list[str]:
        attempts = [list(self._compare(candidate, sent, path)) for candidate in known]
        if [] in attempts:
            return []
        alike = [attempt for candidate, attempt in zip(known, attempts, strict=True) if _kind(candidate) == _kind(sent)]
        if len(known) == 1 or len(alike) == 1:
            return (alike or attempts)[0]
        return [f"{path} may be {shown(sent)}, which is not among {shown(reader)}"]

    def _compare(self, reader: Schema, writer: Schema, path: str) -> Iterator[str]:
        if reader == writer and "$ref" not in str(reader):
            return
        if not (reader.keys() | writer.keys()) <= _UNDERSTOOD:
            yield f"{path} changed in a way that cannot be judged"
        elif not writer:
            yield f"{path} was plain data where {shown(reader)} is expected"
        elif "const" in reader or "const" in writer:
            if not _takes_constant(reader, writer):
                yield f"{path} may be {shown(writer)} where {shown(reader)} is expected"
        elif not _same_kind(reader, writer):
            yield f"{path} is {shown(writer)} where {shown(reader)} is expected"
        else:
            yield from _limits(reader, writer, path)
            if reader["type"] == "object":
                yield from self._compare_objects(reader, writer, path)
            elif reader["type"] == "array":
                yield from self._compare_arrays(reader, writer, path)

    def _compare_objects(self, reader: Schema, writer: Schema, path: str) -> Iterator[str]:
        known, sent = reader.get("properties", {}), writer.get("properties", {})
        for name in sorted(set(reader.get("required", ())) - set(writer.get("required", ()))):
            yield f"{path}.{name} is required where it may be missing"
        takes = reader.get("additionalProperties", True)
        for name, schema in sent.items():
            expected = known.get(name, takes)
            if expected is False:
                yield f"{path}.{name} is not known there and refused"
            elif expected is not True:
                yield from self.obstacles(expected, schema, f"{path}.{name}")
        gives = writer.get("additionalProperties", "properties" not in writer)
        if gives is not False:
            yield from self._compare_open(reader, {} if gives is True else gives, set(known) - set(sent), path)
        if not _keys_readable(reader, writer):
            yield f"{path} has keys of another type"

    def _compare_open(self, reader: Schema, gives: Schema, unsent: set[str], path: str) -> Iterator[str]:
        """What a writer of any names at all meets in a reader."""
        for name in sorted(unsent):
            yield from self.obstacles(reader["properties"][name], gives, f"{path}.{name}")
        takes = reader.get("additionalProperties", True)
        if takes is False:
            yield f"{path} may have names that are not known there and refused"
        elif takes is not True:
            yield from self.obstacles(takes, gives, f"{path}[...]")

    def _compare_arrays(self, reader: Schema, writer: Schema, path: str) -> Iterator[str]:
        columns = max(len(reader.get("prefixItems", ())), len(writer.get("prefixItems", ())))
        for index in range(columns + 1):
            expected = _column(reader, index, beyond=True)
            given = _column(writer, index, beyond="prefixItems" not in writer)
            if expected is not False and given is not False:
                place = f"{path}[...]" if index == columns else f"{path}[{index}]"
                yield from self.obstacles(_schema(expected), _schema(given), place)


def follow(schema: Mapping[str, Any], definitions: Definitions) -> Schema:
    """The schema that a reference stands for, with what is said beside the reference."""
    seen: set[str] = set()
    while (target := schema.get("$ref")) is not None and target not in seen:
        seen.add(target)
        beside = {word: value for word, value in schema.items() if word != "$ref"}
        schema = {**definitions.get(target.removeprefix("#/$defs/"), {"not": {}}), **beside}
    return dict(schema)


def options(schema: Mapping[str, Any], definitions: Definitions) -> list[Schema]:
    """The members of a union, however nested, and the single values of an enumeration; else the schema alone."""
    schema = bare(follow(schema, definitions))
    for word in ("anyOf", "oneOf"):
        if word in schema:
            beside = {other: value for other, value in schema.items() if other != word}
            return [found for option in schema[word] for found in options({**beside, **option}, definitions)]
    if "enum" in schema:
        return [{"const": value} for value in schema["enum"]]
    return [{"const": schema["const"]}] if "const" in schema else [schema]


def shown(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: ``string``, ``array of integer``, ``Item``, ``integer or null``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return repr(schema["const"])
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(shown(option) for option in schema[word])
    if "enum" in schema:
        return " or ".join(repr(value) for value in schema["enum"])
    kind = str(schema.get("format") or ("bytes" if "contentEncoding" in schema else schema.get("type", "plain data")))
    if kind == "object" and "title" in schema:
        return str(schema["title"])
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        return f"array of {shown(schema['items'])}"
    limits = [f"{word} {schema[word]}" for word in (*_AT_LEAST, *_AT_MOST, *_SAME) if word in schema]
    return f"{kind} ({', '.join(limits)})" if limits else kind


def _kind(schema: Schema) -> Any:
    if "const" not in schema:
        return schema.get("type")
    return _KINDS.get(type(schema["const"]))


def _takes_constant(reader: Schema, writer: Schema) -> bool:
    if "const" not in writer:
        return False
    if "const" in reader:
        return canonical(reader["const"]) == canonical(writer["const"])
    kind = _kind(writer)
    return reader in ({"type": kind}, {"type": "number"} if kind == "integer" else None)


def _same_kind(reader: Schema, writer: Schema) -> bool:
    if "type" not in reader or reader.get("contentEncoding") != writer.get("contentEncoding"):
        return False
    expected, given = reader.get("format"), writer.get("format")
    if expected != given and not (expected is None and given in _TEXT_FORMATS):
        return False
    return bool(reader["type"] == writer.get("type") or (reader["type"], writer.get("type")) == ("number", "integer"))


def _limits(reader: Schema, writer: Schema, path: str) -> Iterator[str]:
    for word, limit in reader.items():
        given = writer.get(word, 0 if word in _LENGTHS else None)
        if word == "maxItems" and given is None and "prefixItems" in writer:
            given = len(writer["prefixItems"])
        if (
            (word in _AT_LEAST and (given is None or given < limit))
            or (word in _AT_MOST and (given is None or given > limit))
            or (word in _SAME and given != limit)
        ):
            yield f"{path} must keep to {word} {limit}"


def _keys_readable(reader: Schema, writer: Schema) -> bool:
    expected, given = reader.get("propertyNames"), writer.get("propertyNames")
    # A pattern stands for integer keys, which are integers in msgpack.
    return expected == given or (expected is None and "pattern" not in (given or {}))


def _column(schema: Schema, index: int, *, beyond: bool) -> Any:
    columns = schema.get("prefixItems", ())
    return columns[index] if index < len(columns) else schema.get("items", beyond)


def _schema(value: Any) -> Schema:
    return {} if value is True else dict(value)
