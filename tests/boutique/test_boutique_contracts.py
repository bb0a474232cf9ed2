from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from homeport.build.application import scan
from homeport.build.plan import Plan
from homeport.contracts.signature import ServiceSignature, signature_of
from homeport.errors import BadArguments

ROOT = Path(__file__).parents[2]
CALLS = {
    "ad": set(),
    "cart": {"product_catalog"},
    "checkout": {"cart", "currency", "email", "inventory", "payment", "product_catalog", "shipping"},
    "currency": set(),
    "email": set(),
    "frontend": {
        "ad",
        "cart",
        "checkout",
        "currency",
        "inventory",
        "product_catalog",
        "recommendation",
        "shipping",
    },
    "inventory": set(),
    "payment": set(),
    "product_catalog": set(),
    "recommendation": {"product_catalog"},
    "shipping": {"product_catalog"},
}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return scan("examples/boutique", ROOT)


@pytest.fixture(scope="module")
def signatures(plan: Plan) -> dict[str, ServiceSignature]:
    found = {}
    for service in plan.services:
        module = importlib.import_module(service.location.module)
        found[service.name] = signature_of(getattr(module, service.location.qualname), service.name)
    return found


def test_the_scan_finds_eleven_services_and_who_calls_whom(plan: Plan) -> None:
    assert plan.findings == ()
    assert {service.name: {d.service for d in service.dependencies} for service in plan.services} == CALLS


def test_no_service_imports_the_load_generator(plan: Plan) -> None:
    assert not [service.name for service in plan.services if "boutique/load.py" in service.files]


def test_every_method_has_a_contract(signatures: dict[str, ServiceSignature]) -> None:
    assert all(signature.methods for signature in signatures.values())
    assert signatures["product_catalog"].methods["search"].streams
    assert signatures["frontend"].contract.public
    assert "card_declined" in {error.code for error in signatures["frontend"].methods["checkout"].contract.raises}


@pytest.mark.parametrize(
    ("method", "body", "complaint"),
    [
        ("add_to_cart", b'{"user_id": "a", "product_id": "b", "quantity": 0}', r"\$\.quantity"),
        ("add_to_cart", b'["a", "b", 100]', r"\$\.quantity"),
        ("add_to_cart", b'["a", "b", "c"]', r"\$\.quantity: expected int, got str"),
        ("set_currency", b'{"user_id": "a"}', "currency"),
        ("index", b"[]", "user_id"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_door(
    signatures: dict[str, ServiceSignature], method: str, body: bytes, complaint: str
) -> None:
    with pytest.raises(BadArguments, match=complaint):
        signatures["frontend"].methods[method].decode_arguments(body, json=True)
