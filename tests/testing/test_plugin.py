from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]
SCOPE = ("-o", "asyncio_default_fixture_loop_scope=function")  # else it warns

SHOP = """
from homeport import service

@service
class Payments:
    async def process(self, cents: int) -> int:
        return cents

@service
class Orders:
    payments: Payments

    async def buy(self, cents: int) -> int:
        return await self.payments.process(cents)
"""

BODY = """
async def test_it(homeport_local, homeport_clock):
    async with homeport_local(Orders, payments=FakePayments()) as hp:
        assert await hp.get(Orders).buy(2) == 4
    before = homeport_clock.now()
    await homeport_clock.advance(3600)
    assert homeport_clock.now() - before == 3600
"""

FAKE = """
import pytest
from shop import Orders

class FakePayments:
    async def process(self, cents: int) -> int:
        return 2 * cents
"""


def ran(pytester: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(shop=SHOP, test_shop=FAKE + test)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


def test_the_fixtures_work_with_pytest_asyncio_in_strict_mode(pytester: pytest.Pytester) -> None:
    ran(pytester, "@pytest.mark.asyncio" + BODY, "-o", "asyncio_mode=strict", *SCOPE).assert_outcomes(passed=1)


def test_the_fixtures_work_with_pytest_asyncio_in_auto_mode(pytester: pytest.Pytester) -> None:
    ran(pytester, BODY, "-o", "asyncio_mode=auto", *SCOPE).assert_outcomes(passed=1)


def test_the_fixtures_work_with_anyio(pytester: pytest.Pytester) -> None:
    backend = "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n\n"
    ran(pytester, backend + "@pytest.mark.anyio" + BODY, "-p", "no:asyncio").assert_outcomes(passed=1)


def test_a_test_run_that_does_not_use_the_fixtures_loads_next_to_nothing() -> None:
    script = (
        "import sys, pytest; before = set(sys.modules); import homeport.testing.plugin; "
        "print(*sorted(name for name in set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    allowed = {"homeport", "homeport._lazy", "homeport.testing", "homeport.testing.plugin"}
    assert set(loaded) <= allowed
