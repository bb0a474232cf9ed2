"""The values of a client: a msgspec Struct or an enumeration for each named type, and a class for each error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from homeport.build.generator.client.catalogue import Catalogue, Error, Model, constant, error_fields
from homeport.build.generator.client.spelling import Imports, attribute_name, distinct, member_name
from homeport.build.generator.client.text import call, docstring, module
from homeport.build.generator.client.types import Types, repr_of
from homeport.contracts.api import Contract, Schema

_JSON_TYPES: dict[type, tuple[str, ...]] = {
    type(None): ("null",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    str: ("string",),
    list: (),
    dict: (),
}


def models_module(catalogue: Catalogue) -> str:
    """The text of ``models.py``."""
    imports = Imports()
    enumerations = [model for model in catalogue.models.values() if "enum" in model.definition]
    records = [model for model in catalogue.models.values() if "enum" not in model.definition]
    blocks = [list(_enumeration(model, imports)) for model in enumerations]  # first: they are defaults of fields
    blocks += [
        list((_row if "prefixItems" in model.definition else _record)(model, catalogue, imports)) for model in records
    ]
    return module("The values that the services take and give.", imports, blocks)


def errors_module(catalogue: Catalogue) -> str:
    """The text of ``errors.py``."""
    imports = Imports()
    blocks = [list(_error(error, catalogue, imports)) for error in catalogue.errors]
    return module("The errors that the services declare.", imports, blocks)


def default_text(value: Any, schema: Schema, contract: Contract, catalogue: Catalogue, prefix: str = "") -> str | None:
    """A default as an expression that can be shared by all who use it; None if there is none."""
    if "$ref" in schema and not isinstance(value, list | dict):
        model = catalogue.model(contract, schema["$ref"].removeprefix("#/$defs/"))
        if model is None or "enum" not in model.definition or value not in model.definition["enum"]:
            return None
        members = _members(model.definition["enum"])
        return f"{prefix}{model.name}.{members[model.definition['enum'].index(value)]}"
    for option in schema.get("anyOf", ()):
        fits = option.get("type") in _JSON_TYPES[type(value)] or "$ref" in option
        if fits and (found := default_text(value, option, contract, catalogue, prefix)) is not None:
            return found
    if "format" in schema or "contentEncoding" in schema or "anyOf" in schema:
        return None if value is not None else "None"
    if value is None or isinstance(value, bool | int | str):
        return repr_of(value)
    return repr(value) if isinstance(value, float) and math.isfinite(value) else None


def _members(values: list[Any]) -> list[str]:
    return distinct(member_name(value) for value in values)


def _enumeration(model: Model, imports: Imports) -> Iterator[str]:
    values = model.definition["enum"]
    imports.enter(())
    yield f"class {model.name}({imports.module('enum')}.Enum):"
    yield from docstring(str(model.definition.get("description", "")), blank=True)
    yield from (f"    {name} = {repr_of(value)}" for name, value in zip(_members(values), values, strict=True))


def _record(model: Model, catalogue: Catalogue, imports: Imports) -> Iterator[str]:
    properties: dict[str, Schema] = dict(model.definition["properties"])
    options = ["frozen=True", "kw_only=True"]
    if model.tag_field in properties:
        tag = constant(properties.pop(model.tag_field))
        options += [f"tag_field={repr_of(model.tag_field)}", f"tag={repr_of(tag)}"]
    if model.definition.get("additionalProperties") is False:
        options.append("forbid_unknown_fields=True")
    attributes = distinct((attribute_name(name) for name in properties), catalogue.models)
    imports.enter(attributes)
    yield from call(f"class {model.name}", [f"{imports.module('msgspec')}.Struct", *options], ":", "")
    doc = list(docstring(str(model.definition.get("description", "")), blank=bool(properties)))
    yield from doc
    types = Types(catalogue, model.contract, imports, in_models=True)
    required = model.definition.get("required", ())
    for attribute, (name, schema) in zip(attributes, properties.items(), strict=True):
        yield _field(attribute, name, schema, name in required, types, model.contract, catalogue, imports)
    if not properties and not doc:
        yield "    pass"


def _row(model: Model, catalogue: Catalogue, imports: Imports) -> Iterator[str]:
    """What travels as an array of known columns. The names of the columns do not travel, so they have numbers."""
    columns = list(model.definition["prefixItems"])
    options = [f"{imports.module('msgspec')}.Struct", "frozen=True", "array_like=True"]
    if model.tag_field:
        options.append(f"tag={repr_of(constant(columns.pop(0)))}")
    if model.definition.get("items", True) is False:
        options = options if model.tag_field else [f"{imports.module('typing')}.NamedTuple"]
    imports.enter(())
    yield from call(f"class {model.name}", options, ":", "")
    yield from docstring(str(model.definition.get("description", "")), blank=bool(columns))
    types = Types(catalogue, model.contract, imports, in_models=True)
    needed = model.definition.get("minItems", len(columns)) - bool(model.tag_field)
    for index, schema in enumerate(columns):
        text = f"    item_{index}: {types.annotation(schema)}"
        if index >= needed:
            default = default_text(schema.get("default"), schema, model.contract, catalogue)
            text += f" = {default}" if "default" in schema and default else " | None = None"
        yield text
    if not columns:
        yield "    pass"


def _field(
    attribute: str,
    name: str,
    schema: Schema,
    required: bool,
    types: Types,
    contract: Contract,
    catalogue: Catalogue,
    imports: Imports,
) -> str:
    annotation = types.annotation(schema)
    msgspec = imports.module("msgspec")
    options: list[str] = []
    if not required:
        if "default" not in schema:
            annotation += f" | {msgspec}.UnsetType"
            options.append(f"default={msgspec}.UNSET")
        elif (default := default_text(schema["default"], schema, contract, catalogue)) is not None:
            options.append(f"default={default}")
        else:
            options.append(f"default_factory={_factory(schema['default'], annotation, msgspec)}")
    if attribute != name:
        options.append(f"name={repr_of(name)}")
    if len(options) == 1 and options[0].startswith("default="):
        return f"    {attribute}: {annotation} = {options[0].removeprefix('default=')}"
    return f"    {attribute}: {annotation}" + (f" = {msgspec}.field({', '.join(options)})" if options else "")


def _factory(default: Any, annotation: str, msgspec: str) -> str:
    container = annotation.partition("[")[0]
    if default in ([], {}) and container.removeprefix("_builtins.") in ("list", "dict", "set"):
        return container
    return f"lambda: {msgspec}.convert({repr_of(default)}, {annotation})"


def _error(error: Error, catalogue: Catalogue, imports: Imports) -> Iterator[str]:
    declared, contract = error.declared, error.contract
    fields = error_fields(contract, declared)
    imports.enter(fields)
    options = [f"status={declared.status}", f"code={repr_of(declared.code)}", f"key={repr_of(declared.key)}"]
    yield from call(f"class {error.name}", [f"{imports.module('homeport')}.ServiceError", *options], ":", "")
    yield from docstring(f"HTTP status {declared.status}.", blank=bool(fields))
    types = Types(catalogue, contract, imports)
    required = _required(contract, declared.schema)
    for name, schema in fields.items():
        annotation = types.annotation(schema)
        if name in required:
            yield f"    {name}: {annotation}"
            continue
        default = default_text(schema.get("default"), schema, contract, catalogue, f"{imports.module('models')}.")
        if default is None or ("default" not in schema):
            annotation, default = f"{annotation} | None", "None"
        yield f"    {name}: {annotation} = {default}"


def _required(contract: Contract, schema: Schema) -> tuple[str, ...]:
    if "$ref" in schema:
        schema = contract.definitions.get(schema["$ref"].removeprefix("#/$defs/"), {})
    return tuple(schema.get("required", ()))
