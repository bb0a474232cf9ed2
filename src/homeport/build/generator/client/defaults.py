"""Defaults as they stand in a contract, written as Python expressions."""

from __future__ import annotations

import math
from typing import Any

from homeport.build.generator.client.catalogue import Catalogue
from homeport.build.generator.client.spelling import distinct, member_name
from homeport.build.generator.client.types import repr_of
from homeport.contracts.api import Contract, Schema

_JSON_TYPES: dict[type, tuple[str, ...]] = {
    type(None): ("null",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    str: ("string",),
}


def member_names(values: list[Any]) -> list[str]:
    """The names of an enumeration's members, in order of its values."""
    return distinct(member_name(value) for value in values)


class Defaults:
    """Writes the defaults of one contract; ``prefix`` is what classes of the models are reached by."""

    def __init__(self, catalogue: Catalogue, contract: Contract, prefix: str = "") -> None:
        self._catalogue, self._contract, self._prefix = catalogue, contract, prefix

    def expression(self, schema: Schema) -> str | None:
        """What all who use it may share; None if the schema has no default, or one that is no such constant."""
        return self._constant(schema["default"], schema) if "default" in schema else None

    def _constant(self, value: Any, schema: Schema) -> str | None:
        if "$ref" in schema:
            return self._member(value, schema["$ref"].removeprefix("#/$defs/"))
        if "anyOf" in schema:
            return self._of_one(value, schema["anyOf"])
        if value is None:
            return "None" if not schema.keys() - {"default"} or schema.get("type") == "null" else None
        if "format" in schema or "contentEncoding" in schema:
            return None
        if isinstance(value, bool | int | str):
            return repr_of(value)
        return repr(value) if isinstance(value, float) and math.isfinite(value) else None

    def _member(self, value: Any, definition: str) -> str | None:
        model = self._catalogue.model(self._contract, definition)
        values = model.definition.get("enum", []) if model is not None else []
        if model is None or isinstance(value, list | dict) or value not in values:
            return None
        return f"{self._prefix}{model.name}.{member_names(values)[values.index(value)]}"

    def _of_one(self, value: Any, options: list[Schema]) -> str | None:
        for option in options:
            if "$ref" in option or option.get("type") in _JSON_TYPES.get(type(value), ()) or "enum" in option:
                found = self._constant(value, option)
                if found is not None:
                    return found
        return None
