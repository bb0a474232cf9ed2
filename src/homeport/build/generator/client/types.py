"""JSON Schemas as Python annotations."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from homeport.build.generator.client.catalogue import Catalogue, is_class
from homeport.build.generator.client.spelling import Imports
from homeport.contracts.api import Contract, Schema

_FORMATS = {
    "date-time": ("datetime", "datetime"),
    "date": ("datetime", "date"),
    "time": ("datetime", "time"),
    "duration": ("datetime", "timedelta"),
    "uuid": ("uuid", "UUID"),
    "decimal": ("decimal", "Decimal"),
}
_NUMBERS = {"minimum": "ge", "exclusiveMinimum": "gt", "maximum": "le", "exclusiveMaximum": "lt"}
_NUMBERS |= {"multipleOf": "multiple_of"}
_TEXTS = {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"}
_ARRAYS = {"minItems": "min_length", "maxItems": "max_length"}
_MAPS = {"minProperties": "min_length", "maxProperties": "max_length"}
_ONE_OF_A_KIND = ("text", "int", "array", "object")  # msgspec tells members of a union apart by these


class Spelt(NamedTuple):
    """An annotation, and what kind of value it stands for on the wire."""

    text: str
    kind: str  # any, none, bool, int, float, text, array, object, record
    hashable: bool = True


class Types:
    """Annotations for the schemas of one contract.

    ``prefix`` is what classes of the models are reached by.
    """

    def __init__(self, catalogue: Catalogue, contract: Contract, imports: Imports, *, in_models: bool = False) -> None:
        self._catalogue, self._contract = catalogue, contract
        self._imports, self._in_models = imports, in_models
        self._open: list[str] = []  # definitions being written out

    def annotation(self, schema: Schema) -> str:
        """``list[models.CartItem]``."""
        return self._spelt(schema).text

    def _spelt(self, schema: Schema) -> Spelt:
        if "$ref" in schema:
            return self._reference(schema["$ref"].removeprefix("#/$defs/"))
        if "const" in schema or "enum" in schema:
            return self._literal(schema.get("enum", [schema.get("const")]))
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self._union([self._spelt(option) for option in schema[word]])
        if "allOf" in schema:
            return self._spelt(schema["allOf"][0]) if len(schema["allOf"]) == 1 else self._any()
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._union([self._spelt({**schema, "type": one}) for one in kind])
        describe = {"string": self._text, "array": self._array, "object": self._map}.get(str(kind))
        if describe is not None:
            return describe(schema)
        if kind == "null":
            return Spelt("None", "none")
        if kind in ("boolean", "integer", "number"):
            name = {"boolean": "bool", "integer": "int", "number": "float"}[kind]
            return self._limited(Spelt(self._imports.builtin(name), name), schema, _NUMBERS)
        return self._any()

    def _any(self) -> Spelt:
        return Spelt(f"{self._imports.module('typing')}.Any", "any", hashable=False)

    def _reference(self, definition: str) -> Spelt:
        model = self._catalogue.model(self._contract, definition)
        found = self._contract.definitions.get(definition, {})
        if model is not None:
            name = model.name if self._in_models else f"{self._imports.module('models')}.{model.name}"
            if "enum" in found:
                kinds = {type(value) for value in found["enum"]}
                return Spelt(name, "int" if kinds == {int} else "text")
            return Spelt(name, "record" if model.tag_field else "array" if "prefixItems" in found else "object")
        if definition in self._open or not found or is_class(found):
            return self._any()
        self._open.append(definition)
        try:
            return self._spelt(found)
        finally:
            self._open.pop()

    def _literal(self, values: list[Any]) -> Spelt:
        if values == [None]:
            return Spelt("None", "none")
        if not values or not all(value is None or isinstance(value, str | int) for value in values):
            return self._any()
        kinds = {type(value) for value in values}
        kind = "text" if str in kinds else "bool" if kinds == {bool} else "int"
        shown = ", ".join(repr_of(value) for value in values)
        return Spelt(f"{self._imports.module('typing')}.Literal[{shown}]", kind)

    def _text(self, schema: Schema) -> Spelt:
        if schema.get("contentEncoding") == "base64" or schema.get("format") == "binary":
            return Spelt(self._imports.builtin("bytes"), "text")
        if (named := _FORMATS.get(str(schema.get("format")))) is not None:
            return Spelt(f"{self._imports.module(named[0])}.{named[1]}", "text")
        return self._limited(Spelt(self._imports.builtin("str"), "text"), schema, _TEXTS)

    def _array(self, schema: Schema) -> Spelt:
        if "prefixItems" in schema:
            columns = [self._spelt(column) for column in schema["prefixItems"]]
            if schema.get("minItems", 0) < len(columns) or schema.get("items", True) is not False:
                return Spelt(f"{self._imports.builtin('list')}[{self._any().text}]", "array", hashable=False)
            inner = ", ".join(column.text for column in columns) or "()"
            hashable = all(column.hashable for column in columns)
            return Spelt(f"{self._imports.builtin('tuple')}[{inner}]", "array", hashable)
        item = self._spelt(schema.get("items", {}) if isinstance(schema.get("items", {}), dict) else {})
        whole = item.hashable and item.kind not in ("object", "record")  # whose fields may be lists
        name = "set" if schema.get("uniqueItems") and whole else "list"
        spelt = Spelt(f"{self._imports.builtin(name)}[{item.text}]", "array", hashable=False)
        return self._limited(spelt, schema, _ARRAYS)

    def _map(self, schema: Schema) -> Spelt:
        names = schema.get("propertyNames", {})
        if names.get("pattern") == r"^-?\d+$":
            key = self._imports.builtin("int")
        else:
            key = self._spelt({"type": "string", **names}).text
        values = schema.get("additionalProperties", True)
        value = self._spelt(values).text if isinstance(values, dict) else self._any().text
        spelt = Spelt(f"{self._imports.builtin('dict')}[{key}, {value}]", "object", hashable=False)
        return self._limited(spelt, schema, _MAPS)

    def _union(self, options: list[Spelt]) -> Spelt:
        """One annotation for all; what msgspec could not tell apart within a class becomes what it is on the wire."""
        for kind in _ONE_OF_A_KIND:
            alike = {option.text for option in options if option.kind == kind}
            if kind == "object" and alike and any(option.kind == "record" for option in options):
                alike |= {option.text for option in options if option.kind == "record"}
            if len(alike) > 1 and (kind != "object" or self._in_models):
                plain = self._on_the_wire(kind)
                options = [plain if option.text in alike else option for option in options]
        if any(option.kind == "any" for option in options):
            return self._any()
        texts = list(dict.fromkeys(option.text for option in options if option.kind != "none"))
        none = ["None"] if any(option.kind == "none" for option in options) else []
        kinds = {option.kind for option in options} - {"none"}
        kind = kinds.pop() if len(kinds) == 1 else "any" if not kinds else "mixed"
        return Spelt(" | ".join([*texts, *none]) or "None", kind, all(option.hashable for option in options))

    def _on_the_wire(self, kind: str) -> Spelt:
        if kind in ("text", "int"):
            return Spelt(self._imports.builtin({"text": "str", "int": "int"}[kind]), kind)
        return self._any()

    def _limited(self, spelt: Spelt, schema: Schema, words: dict[str, str]) -> Spelt:
        limits = {short: schema[word] for word, short in words.items() if word in schema}
        if not _is_pattern(limits.get("pattern", "")):
            del limits["pattern"]
        if not limits:
            return spelt
        shown = ", ".join(f"{word}={repr_of(value)}" for word, value in limits.items())
        typing, msgspec = self._imports.module("typing"), self._imports.module("msgspec")
        return spelt._replace(text=f"{typing}.Annotated[{spelt.text}, {msgspec}.Meta({shown})]")


def repr_of(value: Any) -> str:
    """A constant as source, with the quotes that formatters choose."""
    if not isinstance(value, str):
        return repr(value)
    shown = repr(value)
    if shown.startswith("'") and '"' not in shown and "\\'" not in shown:
        return f'"{shown[1:-1]}"'
    return shown


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True
