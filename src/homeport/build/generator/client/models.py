"""The values of a client: a class for each named type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from homeport.build.generator.client.catalogue import Catalogue, Model, constant, is_enumeration
from homeport.build.generator.client.defaults import Defaults, member_names
from homeport.build.generator.client.spelling import Imports, attribute_name, distinct
from homeport.build.generator.client.text import call, docstring, module
from homeport.build.generator.client.types import Types, or_none, repr_of
from homeport.contracts.api import Schema


def models_module(catalogue: Catalogue) -> str:
    """The text of ``models.py``."""
    imports = Imports()
    enumerations = [model for model in catalogue.models.values() if is_enumeration(model.definition)]
    others = [model for model in catalogue.models.values() if not is_enumeration(model.definition)]
    # Enumerations first: defaults of fields are members of theirs.
    blocks = [list(_Writer(model, catalogue, imports).lines()) for model in (*enumerations, *others)]
    return module("The values that the services take and give.", imports, blocks)


class _Writer:
    """Writes one class."""

    def __init__(self, model: Model, catalogue: Catalogue, imports: Imports) -> None:
        self._model, self._definition = model, model.definition
        self._catalogue, self._imports = catalogue, imports
        self._types = Types(catalogue, model.contract, imports, in_models=True)
        self._defaults = Defaults(catalogue, model.contract)

    def lines(self) -> Iterator[str]:
        self._imports.enter(())
        if is_enumeration(self._definition):
            yield from self._enumeration()
        elif "prefixItems" in self._definition:
            yield from self._row()
        else:
            yield from self._record()

    def _enumeration(self) -> Iterator[str]:
        values = self._definition["enum"]
        yield f"class {self._model.name}({self._imports.module('enum')}.Enum):"
        yield from self._doc(blank=True)
        yield from (f"    {name} = {repr_of(value)}" for name, value in zip(member_names(values), values, strict=True))

    def _record(self) -> Iterator[str]:
        properties: dict[str, Schema] = dict(self._definition["properties"])
        options = ["frozen=True", "kw_only=True"]
        if self._model.tag_field in properties:
            tag = constant(properties.pop(self._model.tag_field))
            options += [f"tag_field={repr_of(self._model.tag_field)}", f"tag={repr_of(tag)}"]
        if self._definition.get("additionalProperties") is False:
            options.append("forbid_unknown_fields=True")
        attributes = distinct((attribute_name(name) for name in properties), self._catalogue.models)
        self._imports.enter(attributes)
        yield from self._head(f"{self._imports.module('msgspec')}.Struct", *options)
        yield from self._doc(blank=bool(properties))
        for attribute, (name, schema) in zip(attributes, properties.items(), strict=True):
            yield self._field(attribute, name, schema)
        if not properties and "description" not in self._definition:
            yield "    pass"

    def _row(self) -> Iterator[str]:
        """What travels as an array of known columns. The names of the columns do not travel, so they have numbers."""
        columns = list(self._definition["prefixItems"])
        options = ["frozen=True", "array_like=True"]
        if self._model.tag_field:
            options.append(f"tag={repr_of(constant(columns.pop(0)))}")
        if self._definition.get("items", True) is False and not self._model.tag_field:
            yield from self._head(f"{self._imports.module('typing')}.NamedTuple")
        else:
            yield from self._head(f"{self._imports.module('msgspec')}.Struct", *options)
        yield from self._doc(blank=bool(columns))
        needed = self._definition.get("minItems", len(columns)) - bool(self._model.tag_field)
        for index, schema in enumerate(columns):
            annotation = self._types.annotation(schema)
            default = self._defaults.expression(schema)
            if index < needed:
                yield f"    item_{index}: {annotation}"
            elif default is not None:
                yield f"    item_{index}: {annotation} = {default}"
            else:
                yield f"    item_{index}: {or_none(annotation)} = None"
        if not columns:
            yield "    pass"

    def _head(self, *bases: str) -> Iterator[str]:
        yield from call(f"class {self._model.name}", bases, ":", "")

    def _doc(self, *, blank: bool) -> Iterator[str]:
        yield from docstring(str(self._definition.get("description", "")), blank=blank)

    def _field(self, attribute: str, name: str, schema: Schema) -> str:
        annotation = self._types.annotation(schema)
        options: list[str] = []
        if name not in self._definition.get("required", ()):
            annotation, default = self._optional(annotation, schema)
            options.append(default)
        if attribute != name:
            options.append(f"name={repr_of(name)}")
        if len(options) == 1 and options[0].startswith("default="):
            return f"    {attribute}: {annotation} = {options[0].removeprefix('default=')}"
        msgspec = self._imports.module("msgspec")
        return f"    {attribute}: {annotation}" + (f" = {msgspec}.field({', '.join(options)})" if options else "")

    def _optional(self, annotation: str, schema: Schema) -> tuple[str, str]:
        """Annotation and default of a field that may be left out; unset, where nobody can say what it then is."""
        msgspec = self._imports.module("msgspec")
        default = self._defaults.expression(schema)
        if default is not None:
            return annotation, f"default={default}"
        if "default" not in schema:
            return f"{annotation} | {msgspec}.UnsetType", f"default={msgspec}.UNSET"
        if schema["default"] is None:  # pydantic lets a default be what the type does not allow
            return or_none(annotation), "default=None"
        return annotation, f"default_factory={self._factory(schema['default'], annotation)}"

    def _factory(self, default: Any, annotation: str) -> str:
        container = annotation.partition("[")[0]
        if default in ([], {}) and container.removeprefix("_builtins.") in ("list", "dict", "set"):
            return container
        return f"lambda: {self._imports.module('msgspec')}.convert({repr_of(default)}, {annotation})"
