"""The bill of materials, held to its own schema."""

from __future__ import annotations

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from homeport.build.packager.environment import Environment
from homeport.build.packager.sbom import bill_of_materials
from homeport.packaged import Manifest

SHOP = Manifest(name="shop", version="2.1", revision="v2.1-dirty", digest="00")
PARTS = ("homeport", "httpx", "msgspec", "pydantic", "uvloop")


@pytest.fixture(scope="module")
def bill() -> str:
    return bill_of_materials(SHOP, PARTS, Environment(), 1_700_000_000)


def test_it_is_what_the_schema_of_cyclonedx_wants(bill: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None


def test_it_names_every_distribution_with_version_address_and_licence(bill: str) -> None:
    parts = {part["name"].lower(): part for part in json.loads(bill)["components"]}
    assert sorted(parts) == sorted(PARTS)
    assert parts["msgspec"]["purl"] == f"pkg:pypi/msgspec@{parts['msgspec']['version']}"
    assert all(part["licenses"] for part in parts.values())


def test_it_says_who_requires_whom(bill: str) -> None:
    requires = {one["ref"]: one.get("dependsOn", []) for one in json.loads(bill)["dependencies"]}
    assert "pypi:msgspec" in requires["pypi:homeport"]
    assert set(requires["application:shop"]) == {f"pypi:{name}" for name in PARTS}


def test_equal_contents_give_an_equal_bill(bill: str) -> None:
    assert bill_of_materials(SHOP, PARTS, Environment(), 1_700_000_000) == bill


def test_without_a_time_it_has_none() -> None:
    text = bill_of_materials(SHOP, PARTS, Environment())
    assert "timestamp" not in json.loads(text)["metadata"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
