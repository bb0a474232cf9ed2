"""Hypothesis strategy of contracts with all that schemas may say, sense or not."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from homeport.contracts.api import Contract, ErrorContract, MethodContract, Parameter

Schemas = st.SearchStrategy[dict[str, Any]]

NAMES = st.sampled_from(
    [
        "Item",
        "item",
        "list",
        "str",
        "datetime",
        "typing",
        "models",
        "msgspec",
        "class",
        "a-b",
        "1st",
        "_x",
        "é",
        "Page[int]",
    ]
)
IDENTIFIERS = st.sampled_from(
    ["get", "list", "str", "typing", "models", "errors", "homeport", "msgspec", "class_", "mro"]
)
SERVICES = st.sampled_from(["cart", "import", "models", "a_b", "ab", "str"])
LEAVES: list[dict[str, Any]] = [
    {},
    {"type": "null"},
    {"type": "boolean"},
    {"type": "integer"},
    {"type": "integer", "minimum": 1, "default": 3},
    {"type": "number", "exclusiveMaximum": 1.5},
    {"type": "string"},
    {"type": "string", "pattern": "^(", "default": "'\"\\"},
    {"type": "string", "minLength": 1, "default": None},
    {"type": "string", "contentEncoding": "base64", "default": "AAE="},
    *(
        {"type": "string", "format": name}
        for name in ("date-time", "date", "time", "duration", "uuid", "decimal", "email")
    ),
    {"const": None},
    {"const": "a"},
    {"enum": ["a", "b"], "type": "string"},
    {"enum": [1, 2]},
    {"enum": [1.5, [2]]},
    {"type": ["string", "null"]},
    {"allOf": [{"type": "integer"}]},
    {"$ref": "#/$defs/Gone"},
]


def schemas(definitions: list[str]) -> Schemas:
    """Of anything, with references to these definitions."""
    leaves = st.sampled_from([*LEAVES, *({"$ref": f"#/$defs/{name}"} for name in definitions)])

    def around(inner: Schemas) -> Schemas:
        return st.one_of(
            st.builds(
                lambda items, unique: {"type": "array", "items": items, "uniqueItems": unique}, inner, st.booleans()
            ),
            st.builds(lambda columns, least: _row(columns, least), st.lists(inner, max_size=3), st.integers(0, 3)),
            st.builds(lambda value: {"type": "object", "additionalProperties": value}, inner),
            st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda options: {"oneOf": options, "default": {}}, st.lists(inner, min_size=1, max_size=3)),
        )

    return st.recursive(leaves, around, max_leaves=4)


def _row(columns: list[dict[str, Any]], least: int) -> dict[str, Any]:
    return {"type": "array", "prefixItems": columns, "items": False, "minItems": min(least, len(columns))}


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Records, rows, enumerations and other things, which refer to each other as they like."""
    names = draw(st.lists(NAMES, unique=True, max_size=4))
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        fields = draw(st.dictionaries(NAMES, schemas(names), max_size=3))
        required = [field for field in fields if draw(st.booleans())]
        record = {"type": "object", "title": name, "properties": fields, "required": required}
        enumeration = {"title": name, "enum": draw(st.lists(st.sampled_from(["a", "A", "1", "", "mro"]), unique=True))}
        row = {"title": name, **_row(list(fields.values()), len(required))}
        found[name] = draw(
            st.sampled_from([record, enumeration, row, {"type": "integer"}, {"$ref": f"#/$defs/{name}"}])
        )
    return found


@st.composite
def contracts(draw: st.DrawFn) -> list[Contract]:
    """A few services, each with its own definitions."""
    made = []
    for service in draw(st.lists(SERVICES, unique=True, min_size=1, max_size=3)):
        known = draw(definitions())
        types = schemas(list(known))
        names = draw(st.lists(IDENTIFIERS, unique=True, min_size=1, max_size=3))
        error = ErrorContract(code="x", key="m:List", status=404, schema={"properties": {"list": draw(types)}})
        made.append(
            Contract(
                service=service,
                fingerprint="f",
                definitions=known,
                methods=tuple(
                    MethodContract(
                        name=name,
                        parameters=(Parameter(name="x", schema=draw(types), required=draw(st.booleans())),),
                        result=draw(types),
                        streams=draw(st.booleans()),
                        raises=(error,) if draw(st.booleans()) else (),
                    )
                    for name in names
                ),
            )
        )
    return made
