"""``homeport policy``: what is in force for calls, and where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli_fakes import Place

from homeport.balancing.policy import MethodPolicy, Policy
from homeport.contracts.api import Contract, MethodContract
from homeport.registry.api import ServiceAnswer

if TYPE_CHECKING:
    from conftest import Homeport

CART = Contract(
    service="cart", methods=(MethodContract(name="add", timeout=2.0), MethodContract(name="view", idempotent=True))
)


def answers(place: Place, policy: Policy | None) -> None:
    async def resolve(services: list[str]) -> list[ServiceAnswer]:
        return [ServiceAnswer(service="cart", revision=1, instances=(), contracts=(CART,), policy=policy)]

    place.client.registry.resolve = resolve  # type: ignore[method-assign]


def test_it_lists_service_and_methods_with_their_origins(homeport: Homeport, place: Place) -> None:
    answers(place, None)
    value = homeport("policy", "cart", "--json").value
    assert value["timeout"] == {"value": 30.0, "origin": "default"}
    assert value["methods.add.timeout"] == {"value": 2.0, "origin": "@method"}
    assert value["ejection.failures"] == {"value": 5, "origin": "default"}


def test_what_a_settings_file_says_is_named(
    homeport: Homeport, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "homeport.toml").write_text(
        '[services.cart.methods.view]\nhedge_after = "p95"\n[services.cart.retries]\nattempts = 2\n'
    )
    place.cwd = tmp_path
    policy = Policy(methods={"view": MethodPolicy(hedge_after="p95")})
    policy = Policy(methods=policy.methods, retries=type(policy.retries)(attempts=2))
    answers(place, policy)
    value = homeport("policy", "cart", "--changed", "--json").value
    assert value["methods.view.hedge_after"]["value"] == "p95"
    assert value["retries.attempts"]["value"] == 2
    assert all(one["origin"] not in ("default",) for one in value.values())


def test_settings_that_are_not_found_here_are_the_nodes(homeport: Homeport, place: Place) -> None:
    answers(place, Policy(timeout=5.0))
    assert homeport("policy", "cart", "--changed", "--json").value["timeout"] == {
        "value": 5.0,
        "origin": "the node's settings",
    }


def test_it_reads_well(homeport: Homeport, place: Place) -> None:
    answers(place, Policy(timeout=5.0))
    out = homeport("policy", "cart").out
    assert "SETTING" in out
    assert "ejection.failures" in out
    assert homeport("policy", "nobody").code == 4
