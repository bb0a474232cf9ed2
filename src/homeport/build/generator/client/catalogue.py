"""The types of several contracts under one set of names: what is alike is one class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from homeport.build.generator.client.spelling import BUILTINS, MODULES, class_name, distinct
from homeport.contracts.api import Contract, ErrorContract, Schema
from homeport.contracts.fingerprint import bare, canonical, reachable

ROW_TAG = "type"  # rows have no names for their columns; msgspec wants one for the tag


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A definition that becomes a class."""

    name: str
    definition: Schema
    contract: Contract  # one of those that have it
    tag_field: str = ""  # by which members of a union are told apart


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """A declared error that becomes a class."""

    name: str
    declared: ErrorContract
    contract: Contract


class Catalogue:
    """All classes that a client needs, and what each contract's definitions are called."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self.contracts = sorted(contracts, key=lambda contract: contract.service)
        self._names = _model_names(self.contracts)
        tags = _tags(self.contracts, self._names)
        self.models: dict[str, Model] = {}
        for (service, definition), name in sorted(self._names.items(), key=lambda item: (item[1], item[0])):
            contract = next(contract for contract in self.contracts if contract.service == service)
            found = contract.definitions[definition]
            model = Model(name=name, definition=found, contract=contract, tag_field=tags.get(name, ""))
            self.models.setdefault(name, model)
        self.errors = _errors(self.contracts)
        self._error_names = {error.declared.key: error.name for error in self.errors}

    def model(self, contract: Contract, definition: str) -> Model | None:
        """The class of a definition; None if it is written out where it is used."""
        name = self._names.get((contract.service, definition))
        return self.models[name] if name is not None else None

    def error_name(self, key: str) -> str:
        return self._error_names[key]


def is_class(definition: Schema) -> bool:
    """Whether a definition becomes a class of its own: a record, a row or an enumeration."""
    record = definition.get("type") == "object" and "properties" in definition
    return record or is_enumeration(definition) or "prefixItems" in definition


def is_enumeration(definition: Schema) -> bool:
    """Whether a definition is one that msgspec can read: of texts alone, or of whole numbers alone."""
    kinds = {type(value) for value in definition.get("enum", ())}
    return kinds in ({str}, {int})


def constant(schema: Schema) -> Any:
    """The only value a schema allows, if that is a text or a whole number; else None."""
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    [value] = values if len(values) == 1 else [None]
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _used(contract: Contract) -> dict[str, Schema]:
    """The definitions that arguments, results and fields of errors refer to: of errors themselves only those below."""
    roots: list[Schema] = []
    for method in contract.methods:
        roots += [*(parameter.schema for parameter in method.parameters), method.result]
        for error in method.raises:
            roots += error_schema(contract, error).get("properties", {}).values()
    return reachable(roots, contract.definitions)


def error_schema(contract: Contract, error: ErrorContract) -> Schema:
    """What the fields of an error are."""
    schema = error.schema
    return contract.definitions.get(schema["$ref"].removeprefix("#/$defs/"), {}) if "$ref" in schema else schema


def _model_names(contracts: Iterable[Contract]) -> dict[tuple[str, str], str]:
    """Class names by service and definition. Where two differ that would share a name, each bears its service's."""
    wanted: dict[str, dict[bytes, list[tuple[str, str]]]] = {}
    for contract in contracts:
        for name, definition in sorted(_used(contract).items()):
            if is_class(definition):
                shown = class_name(str(definition.get("title") or name))
                below = {"$defs": {**reachable([definition], contract.definitions), name: definition}}
                same = wanted.setdefault(shown, {})
                same.setdefault(canonical(bare(below)), []).append((contract.service, name))
    names: dict[tuple[str, str], str] = {}
    taken = set(BUILTINS | MODULES)
    for shown, groups in sorted(wanted.items()):
        for members in groups.values():
            full = shown if len(groups) == 1 else f"{class_name(members[0][0])}{shown}"
            [name] = distinct([full], taken)
            taken.add(name)
            names.update(dict.fromkeys(members, name))
    return names


def _errors(contracts: Iterable[Contract]) -> list[Error]:
    declared: dict[str, tuple[ErrorContract, Contract]] = {}
    for contract in contracts:
        for method in contract.methods:
            for error in method.raises:
                declared.setdefault(error.key, (error, contract))
    keys = sorted(declared)
    shorts = [class_name(key.rpartition(":")[2].rpartition(".")[2]) for key in keys]
    names = [
        short if shorts.count(short) == 1 else class_name(key.replace(":", "."))
        for key, short in zip(keys, shorts, strict=True)
    ]
    found = zip(distinct(names, BUILTINS | MODULES), keys, strict=True)
    return [Error(name=name, declared=declared[key][0], contract=declared[key][1]) for name, key in sorted(found)]


# -- what tells the members of a union apart ---------------------------------------------------------------------------


def _tags(contracts: Iterable[Contract], names: Mapping[tuple[str, str], str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for contract in contracts:
        classes = {definition: name for (service, definition), name in names.items() if service == contract.service}
        for definition, name in classes.items():
            if field := _own_tag(contract.definitions[definition]):
                tags[name] = field
        for union in _unions(contract):
            members = [option["$ref"].removeprefix("#/$defs/") for option in union if "$ref" in option]
            records = [member for member in members if "properties" in contract.definitions.get(member, {})]
            if len(records) > 1 and (field := _shared_tag([contract.definitions[member] for member in records])):
                tags.update({classes[member]: field for member in records if member in classes})
    return tags


def _own_tag(definition: Schema) -> str:
    """The field by which msgspec tags a struct: it says nothing but its constant. Of a row, its first column."""
    if [*map(set, definition.get("prefixItems", ()))][:1] == [{"const"}]:
        return ROW_TAG
    for field, schema in definition.get("properties", {}).items():
        if set(schema) == {"const"} and field in definition.get("required", ()) and constant(schema) is not None:
            return str(field)
    return ""


def _shared_tag(records: list[Schema]) -> str:
    first, *rest = (record["properties"] for record in records)
    for field in first:
        values = [constant(properties.get(field, {})) for properties in (first, *rest)]
        if None not in values and len(set(values)) == len(values) and len({type(value) for value in values}) == 1:
            return str(field)
    return ""


def _unions(contract: Contract) -> Iterator[list[Schema]]:
    todo: list[Any] = [*contract.definitions.values()]
    for method in contract.methods:
        todo += [method.result, *(parameter.schema for parameter in method.parameters)]
    while todo:
        schema = todo.pop()
        if isinstance(schema, list):
            todo += schema
        elif isinstance(schema, dict):
            for word in ("anyOf", "oneOf"):
                if isinstance(schema.get(word), list):
                    yield schema[word]
            todo += [value for word, value in schema.items() if word not in ("default", "const", "enum", "examples")]
