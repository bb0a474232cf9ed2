from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from homeport.contracts.api import Contract, MethodContract, Parameter, Schema
from homeport.http.examples import example_arguments, example_of
from homeport.http.openapi import document
from tests.http.contracts import PAYMENTS
from tests.http.fakes import World

SHOP = Contract(
    service="shop",
    definitions={
        "Payment": {"type": "object", "properties": {"other": {"$ref": "#/$defs/Page[Item]"}}},
        "Page[Item]": {
            "type": "object",
            "properties": {"$ref": {"type": "string"}, "next": {"$ref": "#/$defs/Page[Item]"}},
            "discriminator": {"propertyName": "kind", "mapping": {"page": "#/$defs/Page[Item]"}},
            "default": {"$ref": "#/$defs/untouched"},
        },
        "Page<Item>": {"type": "null"},
    },
    methods=(
        MethodContract(
            name="find",
            parameters=(Parameter(name="page", schema={"anyOf": [{"$ref": "#/$defs/Page[Item]"}, {"type": "null"}]}),),
            result={"$ref": "#/$defs/Payment"},
        ),
    ),
)


@pytest.fixture
def described() -> dict[str, Any]:
    return document([SHOP, PAYMENTS], version="0.1.0")


def references(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from references(one)
    elif isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for name, one in part.items():
            if name not in ("default", "example"):
                yield from references(one)


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    found = set(references(described))
    assert len(found) > 10
    for reference in found:
        assert reference.startswith("#/components/")
        target: Any = described
        for key in reference.removeprefix("#/").split("/"):
            target = target[key]


def test_it_has_the_shape_of_openapi_3_1(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    assert {"title", "version"} <= described["info"].keys()
    ids = []
    for path, operations in described["paths"].items():
        assert path.startswith("/")
        for verb, operation in operations.items():
            assert verb in ("get", "put", "post", "delete")
            assert operation["responses"]
            ids.append(operation["operationId"])
            named = [resolved(described, one) for one in operation.get("parameters", ())]
            in_path = {one["name"] for one in named if one["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))
            assert all("schema" in one for one in named)
            for response in operation["responses"].values():
                assert "description" in resolved(described, response)
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in described["components"]["schemas"])
    json.dumps(described)


def resolved(described: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    found: dict[str, Any] = described["components"][kind][name]
    return found


def test_types_of_one_name_in_two_services_stay_apart(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    assert schemas["payments.Payment"]["required"] == ["card", "amount"]
    assert schemas["shop.Payment"]["properties"]["other"] == {"$ref": "#/components/schemas/shop.Page_Item_2"}


def test_names_that_no_component_may_have_are_changed_without_clashing(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    assert {"shop.Page_Item", "shop.Page_Item_2"} <= schemas.keys()
    generic = schemas["shop.Page_Item_2"]
    assert generic["properties"]["next"] == {"$ref": "#/components/schemas/shop.Page_Item_2"}
    assert generic["discriminator"]["mapping"] == {"page": "#/components/schemas/shop.Page_Item_2"}


def test_what_only_looks_like_a_reference_is_left_alone(described: dict[str, Any]) -> None:
    generic = described["components"]["schemas"]["shop.Page_Item_2"]
    assert generic["properties"]["$ref"] == {"type": "string"}
    assert generic["default"] == {"$ref": "#/$defs/untouched"}


def test_a_method_is_described_with_its_arguments_result_and_errors(described: dict[str, Any]) -> None:
    operation = described["paths"]["/api/v1/call/payments/process"]["post"]
    assert (operation["summary"], operation["description"]) == ("Charge a card.", "Once and for all.")
    body = operation["requestBody"]["content"]["application/json"]
    assert body["schema"]["required"] == ["payment"]
    assert body["schema"]["additionalProperties"] is False
    assert body["example"] == {"payment": {"card": "text", "amount": 1.5}}
    assert operation["responses"]["402"]["description"] == "card_declined"
    assert {"200", "402", "422", "503", "504", "default"} == operation["responses"].keys()


def test_a_stream_is_described_as_one(described: dict[str, Any]) -> None:
    success = described["paths"]["/api/v1/call/payments/ticks"]["post"]["responses"]["200"]
    assert success["content"].keys() == {"application/x-ndjson", "text/event-stream"}


def test_on_an_open_bind_only_public_methods_are_described() -> None:
    described = document([PAYMENTS, SHOP], version="0.1.0", public_only=True)
    called = [path for path in described["paths"] if path.startswith("/api/v1/call/")]
    assert called == ["/api/v1/call/payments/rate"]
    assert "shop" not in {tag["name"] for tag in described["tags"]}
    assert described["security"] == [{"token": []}]


async def test_the_front_describes_what_it_knows() -> None:
    world = World()
    world.serve(PAYMENTS)
    described = (await world.ask("GET", "/openapi.json")).json
    assert "/api/v1/call/payments/process" in described["paths"]
    assert "/api/v1/watch" in described["paths"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 5},
        {"type": "integer", "exclusiveMinimum": 3},
        {"type": "integer", "maximum": -2},
        {"type": "number", "exclusiveMaximum": 0},
        {"type": "string", "minLength": 12},
        {"type": "string", "maxLength": 2},
        {"type": "string", "format": "date-time"},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 2},
        {"enum": ["a", "b"]},
        {"const": 3},
        {"anyOf": [{"type": "null"}, {"type": "integer"}]},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {},
    ],
)
def test_examples_fit_their_schemas(schema: Schema) -> None:
    assert fits(example_of(schema, {}), schema)


def fits(value: Any, schema: Schema) -> bool:
    """A judge for the few keywords above."""
    if "enum" in schema:
        return value in schema["enum"]
    if "const" in schema:
        return bool(value == schema["const"])
    if "anyOf" in schema:
        return any(fits(value, option) for option in schema["anyOf"])
    kinds = {"integer": int, "number": (int, float), "string": str, "array": list, "object": dict}
    if not isinstance(value, kinds.get(schema.get("type", ""), object)):
        return False
    if isinstance(value, str):
        return schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1000)
    if isinstance(value, int | float):
        return (
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
            and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
        )
    return len(value) >= schema.get("minItems", 0) if isinstance(value, list) else True


def test_a_type_that_contains_itself_has_a_finite_example() -> None:
    definitions: dict[str, Schema] = {
        "Tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}}, "required": ["left"]}
    }
    assert json.dumps(example_of({"$ref": "#/$defs/Tree"}, definitions))


def test_arguments_that_may_all_be_left_out_are_all_shown() -> None:
    parameters = (Parameter(name="limit", schema={"type": "integer", "default": 10}, required=False),)
    method = MethodContract(name="list", parameters=parameters)
    assert example_arguments(method, {}) == {"limit": 10}


def test_schemas_as_msgspec_writes_them_are_understood() -> None:
    class Item(msgspec.Struct):
        sku: str
        price: float = 1.0

    schemas, definitions = msgspec.json.schema_components((list[Item],), ref_template="#/$defs/{name}")
    example = example_of(schemas[0], definitions)
    assert msgspec.convert(example, list[Item]) == [Item("text")]
