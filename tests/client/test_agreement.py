"""Whether what runs still keeps the contracts that a generated client was made of."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from homeport.agreement import agree
from homeport.client import Client
from homeport.contracts.api import Contract, MethodContract, Parameter
from homeport.errors import ContractChanged
from homeport.model import ServiceState
from homeport.registry.api import ServiceSummary

OLD = Contract(service="cart", fingerprint="old", methods=(MethodContract(name="add", result={"type": "integer"}),))


class FakeRegistry:
    def __init__(self, *present: Contract) -> None:
        self._present = {contract.fingerprint: contract for contract in present}

    async def services(self) -> list[ServiceSummary]:
        return [
            ServiceSummary(
                name=one.service, state=ServiceState.ACTIVE, wanted=1, ready=1, registered=1, contract=one.fingerprint
            )
            for one in self._present.values()
        ]

    async def contract(self, fingerprint: str) -> Contract | None:
        return self._present.get(fingerprint)


class FakeClient:
    def __init__(self, *present: Contract) -> None:
        self.registry = FakeRegistry(*present)


async def agreed(*present: Contract) -> int:
    """How often the old contracts were asked for."""
    loads: list[bytes] = []

    def load() -> bytes:
        loads.append(msgspec.json.encode({"cart": OLD}))
        return loads[-1]

    await agree(cast(Client, FakeClient(*present)), {"cart": "old"}, load)
    return len(loads)


def changed(**fields: Any) -> Contract:
    return msgspec.structs.replace(OLD, fingerprint="new", methods=(MethodContract(name="add", **fields),))


async def test_while_nothing_has_changed_the_old_contracts_are_not_even_read() -> None:
    assert await agreed(OLD) == 0


async def test_a_service_that_is_not_there_or_not_known_is_no_reason_to_refuse() -> None:
    assert await agreed() == 0
    assert await agreed(msgspec.structs.replace(OLD, service="stock", fingerprint="x")) == 0


async def test_a_change_that_old_callers_do_not_notice_is_let_pass() -> None:
    assert await agreed(changed(result={"type": "integer"}, parameters=(Parameter(name="n", required=False),))) == 1


async def test_a_change_that_they_notice_is_refused_with_what_changed_and_the_next_step() -> None:
    needs = changed(result={"type": "integer"}, parameters=(Parameter(name="quantity"),))
    with pytest.raises(ContractChanged, match="'cart' has changed") as refused:
        await agreed(needs)
    assert "add requires a new argument 'quantity'" in str(refused.value)
    assert "homeport generate client" in str(refused.value)
