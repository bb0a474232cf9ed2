"""Schemas read as people read them, and commands put right from them."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from cli_fakes import CART, INTEGER, STRING
from hypothesis import given
from hypothesis import strategies as st

from homeport.cli.correction import corrected_command
from homeport.cli.schemas import example, fits, signature, type_name
from homeport.contracts.api import MethodContract, Parameter

ADD = CART.methods[0]


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({}, "Any"),
        (STRING, "str"),
        (INTEGER, "int"),
        ({"type": "number"}, "float"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": "string", "format": "uuid"}, "UUID"),
        ({"type": "string", "format": "decimal"}, "Decimal"),
        ({"type": "string", "contentEncoding": "base64"}, "str"),
        ({"type": "array", "items": STRING}, "list[str]"),
        ({"type": "object", "additionalProperties": INTEGER}, "dict[str, int]"),
        ({"anyOf": [STRING, {"type": "null"}]}, "str | None"),
        ({"$ref": "#/$defs/Item"}, "Item"),
        ({"enum": ["EUR", "USD"]}, "'EUR' | 'USD'"),
        ({"type": ["string", "null"]}, "str | None"),
        ({"const": 3}, "3"),
    ],
    ids=json.dumps,
)
def test_a_type_is_named_as_in_python(schema: dict[str, Any], name: str) -> None:
    assert type_name(schema) == name


def test_a_signature_marks_keyword_only_arguments_and_defaults() -> None:
    method = MethodContract(
        name="ship",
        parameters=(
            Parameter(name="order"),
            Parameter(name="fast", schema={"type": "boolean"}, required=False, keyword_only=True),
        ),
        result={"type": "null"},
    )
    assert signature(method) == "ship(order, *, fast: bool = ...) -> None"


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ({"user_id": "u"}, {"user_id": "u", "product_id": "…", "quantity": 1}),
        (["u", "p"], {"user_id": "u", "product_id": "p", "quantity": 1}),
        (["u", "p", 4, "surplus"], {"user_id": "u", "product_id": "p", "quantity": 4}),
        ({"user": "u", "product": "p"}, {"user_id": "u", "product_id": "p", "quantity": 1}),
        ({"user_id": 7, "product_id": "p", "colour": "red"}, {"user_id": "…", "product_id": "p", "quantity": 1}),
        ("u", {"user_id": "…", "product_id": "…", "quantity": 1}),
        (None, {"user_id": "…", "product_id": "…", "quantity": 1}),
    ],
    ids=json.dumps,
)
def test_what_was_given_is_kept_where_it_fits(given: Any, arguments: dict[str, Any]) -> None:
    command = corrected_command("cart", ADD, CART.definitions, given)
    words = shlex.split(command)
    assert words[:3] == ["homeport", "call", "cart.add"]
    assert json.loads(words[3]) == arguments


def test_a_method_without_arguments_needs_none() -> None:
    assert corrected_command("cart", MethodContract(name="count"), {}, {"x": 1}) == "homeport call cart.count"


def test_quotes_in_values_survive_the_shell() -> None:
    command = corrected_command("cart", ADD, CART.definitions, {"user_id": 'O\'Brien "x"', "product_id": "$HOME"})
    assert json.loads(shlex.split(command)[3])["user_id"] == 'O\'Brien "x"'


def test_nested_values_are_shown_in_full() -> None:
    method = MethodContract(
        name="order", parameters=(Parameter(name="items", schema={"type": "array", "items": {"$ref": "#/$defs/Item"}}),)
    )
    command = corrected_command("cart", method, CART.definitions, {})
    assert json.loads(shlex.split(command)[3]) == {"items": [{"product_id": "…", "quantity": 1}]}


def test_a_schema_that_holds_itself_ends() -> None:
    tree = {"Tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}}, "required": ["left"]}}
    assert "left" in example({"$ref": "#/$defs/Tree"}, tree, "…")


leaf = st.sampled_from([STRING, INTEGER, {"type": "boolean"}, {"type": "number"}, {"type": "null"}, {"enum": ["a", 2]}])
schemas = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda properties: {"type": "object", "properties": properties, "required": list(properties)},
            st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
        ),
    ),
    max_leaves=8,
)


@given(schemas)
def test_an_example_always_fits_its_schema(schema: dict[str, Any]) -> None:
    assert fits(example(schema, {}, "…"), schema, {})
