"""JSON Schema of the types that travel, and the refusal of those that do not.

Written over ``msgspec.inspect`` rather than with ``msgspec.json.schema_components``, which gives ``datetime`` the same
schema as ``str``, so that a change between the two would go unseen, and knows neither pydantic models nor our unions.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import msgspec.inspect as mi

from homeport.contracts import models
from homeport.contracts.api import Schema
from homeport.contracts.layouts import unsound_field
from homeport.contracts.reading import follow
from homeport.contracts.wire import Alternatives, type_name

_REF = "#/$defs/"
_NAMED = (mi.StructType, mi.DataclassType, mi.TypedDictType, mi.NamedTupleType, mi.EnumType)
_LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
_WAYS_OUT = {
    "Iterable": "use list[...]",
    "Iterator": "use list[...]",
    "Generator": "use list[...]",
    "Path": "use str",
    "complex": "use two floats",
    "memoryview": "use bytes",
    "Raw": "use bytes, or leave out the annotation to take plain data",
    "Ext": "use bytes",
}


class Unfit(Exception):
    """A type cannot travel. ``path`` leads from the type asked about to the culprit."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why


class Schemas:
    """The schemas of one contract, with the definitions they share.

    All types are given at once, because the name of a class in the definitions depends on which others are there.
    """

    def __init__(self, types: Iterable[Any]) -> None:
        hints = list(types)
        _refuse_unsound(hints)
        self._infos = [_info(of) for of in hints]
        self._names = _names(self._infos)
        self._models: dict[Any, str] = {}
        self.definitions: dict[str, Schema] = {}
        self.schemas: list[Schema] = [self._schema(info, "") for info in self._infos]

    # -- one type ------------------------------------------------------------------------------------------------------

    def _schema(self, info: mi.Type, path: str) -> Schema:
        if isinstance(info, mi.Metadata):
            return {**self._schema(info.type, path), **(info.extra_json_schema or {})}
        if isinstance(info, _NAMED):
            return self._reference(info, path)
        describe = _DESCRIBE.get(type(info))
        if describe is not None:
            return {**describe(self, info, path), **_limits(info)}
        raise _unfit(info, path)

    def _reference(self, info: Any, path: str) -> Schema:
        name = self._names[info.cls]
        if name not in self.definitions:
            self.definitions[name] = {}  # holds the place while a recursive type describes itself
            self.definitions[name] = self._definition(info, path)
        return {"$ref": _REF + name}

    def _definition(self, info: Any, path: str) -> Schema:
        head: Schema = {"title": type_name(info.cls)}
        if doc := _doc(info):
            head["description"] = doc
        if isinstance(info, mi.EnumType):
            return {**head, **_values(member.value for member in info.cls)}
        if isinstance(info, mi.NamedTupleType) or (isinstance(info, mi.StructType) and info.array_like):
            return {**head, **self._row(info, path)}
        return {**head, **self._record(info, path)}

    def _record(self, info: Any, path: str) -> Schema:
        properties: dict[str, Schema] = {}
        required: list[str] = []
        if isinstance(info, mi.StructType) and info.tag_field is not None:
            properties[info.tag_field] = {"const": info.tag}
            required.append(info.tag_field)
        for field in info.fields:
            properties[field.encode_name] = self._field(field, f"{path}.{field.name}")
            if field.required:
                required.append(field.encode_name)
        schema: Schema = {"type": "object", "properties": properties, "required": required}
        if isinstance(info, mi.StructType) and info.forbid_unknown_fields:
            schema["additionalProperties"] = False
        return schema

    def _row(self, info: Any, path: str) -> Schema:
        columns = [self._field(field, f"{path}.{field.name}") for field in info.fields]
        needed = sum(field.required for field in info.fields)
        if getattr(info, "tag_field", None) is not None:
            columns, needed = [{"const": info.tag}, *columns], needed + 1
        row: Schema = {"type": "array", "prefixItems": columns, "minItems": needed}
        if isinstance(info, mi.NamedTupleType) or info.forbid_unknown_fields:
            row |= {"items": False, "maxItems": len(columns)}
        return row

    def _field(self, field: mi.Field, path: str) -> Schema:
        schema = self._schema(field.type, path)
        default = field.default
        if field.default_factory in (list, dict, set, frozenset, tuple):
            default = field.default_factory()
        return schema if default is msgspec.NODEFAULT else with_default(schema, default)

    def _array(self, info: Any, path: str) -> Schema:
        schema: Schema = {"type": "array", **_span(info, "Items")}
        if items := self._schema(info.item_type, f"{path}[]"):
            schema["items"] = items
        if isinstance(info, mi.SetType | mi.FrozenSetType):
            schema["uniqueItems"] = True
        return schema

    def _tuple(self, info: mi.TupleType, path: str) -> Schema:
        count = len(info.item_types)
        columns = [self._schema(item, f"{path}[{index}]") for index, item in enumerate(info.item_types)]
        return {"type": "array", "prefixItems": columns, "items": False, "minItems": count, "maxItems": count}

    def _map(self, info: mi.DictType, path: str) -> Schema:
        schema: Schema = {"type": "object", **_span(info, "Properties")}
        keys = follow(self._schema(info.key_type, f"{path}{{key}}"), self.definitions)
        if keys.get("type") in ("array", "object", "boolean", "null"):
            raise Unfit(f"{path}{{key}}", f"JSON has no keys of type {keys['type']}; use str, or a list of pairs")
        if keys.get("type") == "integer":
            keys = {"pattern": r"^-?\d+$"}
        if names := {key: value for key, value in keys.items() if key not in ("type", "title", "description")}:
            schema["propertyNames"] = names
        schema["additionalProperties"] = self._schema(info.value_type, f"{path}{{}}") or True
        return schema

    def _union(self, info: mi.UnionType, path: str) -> Schema:
        return {"anyOf": [self._schema(option, path) for option in info.types]}

    def _custom(self, info: mi.CustomType, path: str) -> Schema:
        if models.is_model(info.cls):
            return self._model(info.cls)
        if isinstance(info.cls, type) and issubclass(info.cls, Alternatives):
            return {"anyOf": [self._schema(_info(option), path) for option in info.cls.options]}
        raise _unfit(info, path)

    def _model(self, cls: Any) -> Schema:
        if cls not in self._models:
            schema = cls.model_json_schema(ref_template=_REF + "{model}")
            inner: dict[str, Schema] = schema.pop("$defs", {})
            own = schema["$ref"].removeprefix(_REF) if set(schema) == {"$ref"} else cls.__name__
            inner.setdefault(own, schema)
            renamed = self._room_for(inner)
            self._models[cls] = renamed[own]
        return {"$ref": _REF + self._models[cls]}

    def _room_for(self, inner: Mapping[str, Schema]) -> dict[str, str]:
        """Take pydantic's definitions in, and return the names they got here."""
        names: dict[str, str] = {}
        for wanted in inner:
            name, count = re.sub(r"[^\w.\-]", "_", wanted), 1
            taken = {*self._names.values(), *names.values()}
            while name in taken or self.definitions.get(name, inner[wanted]) != inner[wanted]:
                count += 1
                name = f"{wanted}_{count}"
            names[wanted] = name
        for wanted, schema in inner.items():
            self.definitions[names[wanted]] = renamed_references(schema, names)
        return names


def with_default(schema: Schema, default: Any) -> Schema:
    """The schema with its default said, where the default has a JSON form."""
    try:
        plain = msgspec.to_builtins(default, str_keys=True)
    except (TypeError, ValueError, NotImplementedError, RecursionError):
        return schema
    return {**schema, "default": plain}


def renamed_references(schema: Any, names: Mapping[str, str]) -> Any:
    """A copy in which every reference to a definition bears its new name."""
    if isinstance(schema, list):
        return [renamed_references(part, names) for part in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: renamed_references(part, names) for key, part in schema.items()}
    target = copy.get("$ref")
    if isinstance(target, str) and target.startswith(_REF):
        copy["$ref"] = _REF + names.get(target.removeprefix(_REF), target.removeprefix(_REF))
    return copy


def _refuse_unsound(hints: list[Any]) -> None:
    field = unsound_field(hints)
    if field:
        why = "a tuple of fixed length and a type with limits cannot be in one union of a class's field"
        raise Unfit("", f"{field}: {why}; write list[...] or tuple[X, ...], or leave out the limits")


def _info(of: Any) -> mi.Type:
    try:
        return mi.type_info(of)
    except NameError as error:
        name = type_name(of)
        raise Unfit(
            "", f"{name} has an annotation that cannot be resolved ({error}); import it at module level"
        ) from None
    except (TypeError, RuntimeError, NotImplementedError, ValueError) as error:
        what = str(error).replace("`", "'")
        if "unions may not" in what or "unions containing" in what:
            what += "; make the members msgspec.Struct classes with tag=True"
        raise Unfit("", what) from error


def _names(infos: list[mi.Type]) -> dict[Any, str]:
    """A name for each named type: its own, or with its module where two would share it."""
    classes: dict[Any, None] = {}
    for info in infos:
        _collect(info, classes)
    names: dict[Any, str] = {}
    shorts = [_identifier(type_name(cls)) for cls in classes]
    for cls, short in zip(classes, shorts, strict=True):
        name = short if shorts.count(short) == 1 else _identifier(f"{cls.__module__}.{type_name(cls)}")
        full, count = name, 1
        while name in names.values():
            count += 1
            name = f"{full}_{count}"
        names[cls] = name
    return names


def _collect(info: Any, classes: dict[Any, None]) -> None:
    if isinstance(info, _NAMED):
        if info.cls in classes:
            return
        classes[info.cls] = None
    if isinstance(info, mi.CustomType) and isinstance(info.cls, type) and issubclass(info.cls, Alternatives):
        for option in info.cls.options:
            _collect(_info(option), classes)
    for attribute in ("type", "item_type", "key_type", "value_type"):
        if (inner := getattr(info, attribute, None)) is not None:
            _collect(inner, classes)
    for attribute in ("item_types", "types", "fields"):
        for inner in getattr(info, attribute, ()):
            _collect(inner, classes)


def _identifier(name: str) -> str:
    return re.sub(r"[^\w.\-]", "_", name)


def _doc(info: Any) -> str:
    cls = typing.get_origin(info.cls) or info.cls
    doc = (cls.__dict__.get("__doc__") or "").strip()
    generated = doc.startswith(f"{cls.__name__}(") or doc in ("An enumeration.", "dict() -> new empty dictionary")
    return "" if generated else " ".join(doc.split("\n\n")[0].split())


def _values(values: Iterable[Any]) -> Schema:
    ordered = sorted(values, key=lambda value: (type(value).__name__, str(value)))
    kinds = {type(value) for value in ordered}
    schema: Schema = {"enum": ordered}
    if kinds == {str}:
        schema["type"] = "string"
    elif kinds == {int}:
        schema["type"] = "integer"
    return schema


def _limits(info: Any) -> Schema:
    found = {word: getattr(info, name) for name, word in _LIMITS.items() if getattr(info, name, None) is not None}
    if isinstance(info, mi.StrType):
        found.update(_span(info, "Length"))
    return found


def _span(info: Any, of: str) -> Schema:
    sides = {"min": info.min_length, "max": info.max_length}
    return {side + of: length for side, length in sides.items() if length is not None}


def _bytes_span(info: Any) -> Schema:
    """Lengths of base64 text, which are what a JSON caller can check."""
    return {side: 4 * ((length + 2) // 3) for side, length in _span(info, "Length").items()}


def _unfit(info: Any, path: str) -> Unfit:
    cls = getattr(info, "cls", type(info))
    name = "Raw" if isinstance(info, mi.RawType) else "Ext" if isinstance(info, mi.ExtType) else type_name(cls)
    if isinstance(info, mi.MemoryViewType):
        name = "memoryview"
    plain = name.split("[")[0]
    way_out = _WAYS_OUT.get(
        plain, "use a dataclass, a msgspec.Struct, a pydantic model or a built-in type, or leave out the annotation"
    )
    return Unfit(path, f"{name} cannot travel between processes; {way_out}")


def _fixed(**schema: Any) -> Callable[[Schemas, Any, str], Schema]:
    return lambda _schemas, _info, _path: dict(schema)


_DESCRIBE: dict[type, Callable[[Schemas, Any, str], Schema]] = {
    mi.AnyType: _fixed(),
    mi.NoneType: _fixed(type="null"),
    mi.BoolType: _fixed(type="boolean"),
    mi.IntType: _fixed(type="integer"),
    mi.FloatType: _fixed(type="number"),
    mi.StrType: _fixed(type="string"),
    mi.BytesType: lambda _, info, __: {"type": "string", "contentEncoding": "base64", **_bytes_span(info)},
    mi.ByteArrayType: lambda _, info, __: {"type": "string", "contentEncoding": "base64", **_bytes_span(info)},
    mi.DateTimeType: _fixed(type="string", format="date-time"),
    mi.DateType: _fixed(type="string", format="date"),
    mi.TimeType: _fixed(type="string", format="time"),
    mi.TimeDeltaType: _fixed(type="string", format="duration"),
    mi.UUIDType: _fixed(type="string", format="uuid"),
    mi.DecimalType: _fixed(type="string", format="decimal"),
    mi.LiteralType: lambda _, info, __: _values(info.values),
    mi.ListType: Schemas._array,
    mi.SetType: Schemas._array,
    mi.FrozenSetType: Schemas._array,
    mi.VarTupleType: Schemas._array,
    mi.TupleType: Schemas._tuple,
    mi.DictType: Schemas._map,
    mi.UnionType: Schemas._union,
    mi.CustomType: Schemas._custom,
}
