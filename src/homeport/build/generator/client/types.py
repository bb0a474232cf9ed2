"""JSON Schemas as Python annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from homeport.build.generator.client.catalogue import Catalogue, is_class, is_enumeration
from homeport.build.generator.client.spelling import Imports
from homeport.contracts.api import Contract, Schema
from homeport.contracts.choices import never_takes
from homeport.contracts.reading import follow

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


class Spelt(NamedTuple):
    """An annotation, and what kind of value it stands for on the wire."""

    text: str
    kind: str  # any, none, bool, int, float, text, array, object, record
    hashable: bool = True
    limited: bool = False
    fixed: bool = False  # a tuple of fixed length


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
                return self._union(schema[word])
        if "allOf" in schema:
            return self._spelt(schema["allOf"][0]) if len(schema["allOf"]) == 1 else self._any()
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._union([{**schema, "type": one} for one in kind])
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
            if is_enumeration(found):
                return Spelt(name, "int" if isinstance(found["enum"][0], int) else "text")
            kind = "record" if model.tag_field else "array" if "prefixItems" in found else "object"
            return Spelt(name, kind, hashable=False)  # its fields may be lists
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
                return self._rows()
            inner = ", ".join(column.text for column in columns) or "()"
            hashable = all(column.hashable for column in columns)
            return Spelt(f"{self._imports.builtin('tuple')}[{inner}]", "array", hashable, fixed=True)
        item = self._spelt(schema.get("items", {}) if isinstance(schema.get("items", {}), dict) else {})
        name = "set" if schema.get("uniqueItems") and item.hashable else "list"
        spelt = Spelt(f"{self._imports.builtin(name)}[{item.text}]", "array", hashable=False)
        return self._limited(spelt, schema, _ARRAYS)

    def _rows(self) -> Spelt:
        return Spelt(f"{self._imports.builtin('list')}[{self._any().text}]", "array", hashable=False)

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

    def _union(self, schemas: list[Schema]) -> Spelt:
        """One annotation for all; what could not be told apart when it is read becomes what it is on the wire."""
        schemas = list(self._alternatives(schemas))
        options = [self._spelt(schema) for schema in schemas]
        for kind in ("text", "int", "array"):
            alike = {option.text for option in options if option.kind == kind}
            if len(alike) > 1:
                plain = self._on_the_wire(kind)
                options = [plain if option.text in alike else option for option in options]
        if any(option.limited for option in options):  # see contracts/layouts.py
            options = [self._rows() if option.fixed else option for option in options]
        maps = {option.text for option in options if option.kind in ("object", "record")}
        tagged = all(option.kind != "object" for option in options)
        if any(option.kind == "any" for option in options) or (
            len(maps) > 1 and not tagged and not self._apart(schemas)
        ):
            return self._any()
        texts = list(dict.fromkeys(option.text for option in options if option.kind != "none"))
        none = ["None"] if any(option.kind == "none" for option in options) else []
        kinds = {option.kind for option in options} - {"none"}
        kind = kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "none"
        return Spelt(" | ".join([*texts, *none]) or "None", kind, all(option.hashable for option in options))

    def _alternatives(self, schemas: list[Schema], through: tuple[str, ...] = ()) -> Iterator[Schema]:
        """The members of a union, with those of unions among them."""
        for schema in schemas:
            name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
            found = self._contract.definitions.get(name, {})
            if found and name not in through and not is_class(found):
                yield from self._alternatives([found], (*through, name))
            elif isinstance(schema.get("type"), list):
                yield from self._alternatives([{**schema, "type": kind} for kind in schema["type"]], through)
            else:
                inner = schema.get("anyOf") or schema.get("oneOf")
                yield from self._alternatives(inner, through) if inner else [schema]

    def _apart(self, schemas: list[Schema]) -> bool:
        """Whether Homeport's decoders can tell objects without tags apart, which they do in annotations alone."""
        definitions = self._contract.definitions
        maps = [found for schema in schemas if (found := follow(schema, definitions)).get("type") == "object"]
        pairs = ((maps[earlier], maps[later]) for later in range(len(maps)) for earlier in range(later))
        return not self._in_models and all(never_takes(one, other, definitions) for one, other in pairs)

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
        return spelt._replace(limited=True, text=f"{typing}.Annotated[{spelt.text}, {msgspec}.Meta({shown})]")


def or_none(annotation: str) -> str:
    """The annotation with None allowed."""
    takes_none = annotation == "None" or annotation.endswith((" | None", "typing.Any"))
    return annotation if takes_none else f"{annotation} | None"


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
