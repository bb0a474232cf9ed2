"""Services that a class calls in ways its source does not show: what is followed, what is said, what helps."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from differential import disagreements

from homeport.build.plan import Plan, PlannedDependency

Scan = Callable[..., Plan]

SINCE_3_12 = sys.version_info >= (3, 12)

PAY = """
from homeport import service

@service(public=True)
class Payments:
    async def process(self): ...
"""


def cart(body: str, mark: str = "@service(public=True)", before: str = "") -> dict[str, str]:
    return {
        "pay.py": PAY,
        "cart.py": f"from homeport import dependency, service\n{before}\n{mark}\nclass Cart:\n{body}\n",
        "helpers.py": HELPERS,
    }


HELPERS = """
async def charge(shop, order=None):
    await shop.payments.process()

async def own(shop):
    await shop.repository.load()

async def through(session, shop):
    await session.payments.process()

def elsewhere(shop):
    shop = other()
    shop.payments.process()

def sets(shop):
    shop.payments = other()
    shop.payments.process()
"""


def dependency(plan: Plan, attribute: str) -> PlannedDependency:
    service = plan.service("cart")
    assert service is not None, plan.findings
    return next(one for one in service.dependencies if one.attribute == attribute)


def codes(plan: Plan) -> list[tuple[str, str, int]]:
    return [(found.code, found.severity, found.line) for found in plan.findings]


def test_a_literal_name_is_a_use_like_any_other(scan_app: Scan) -> None:
    files = cart("    async def buy(self):\n        await getattr(self, 'payments').process()")
    assert not dependency(scan_app(files), "payments").declared
    assert disagreements(files) == []


def test_a_computed_name_is_told_with_the_way_out(scan_app: Scan) -> None:
    plan = scan_app(cart("    async def buy(self, name):\n        await getattr(self, name).process()"))
    assert codes(plan) == [("HP205", "note", 6)]
    assert '@service(uses=["payments"])' in plan.findings[0].hint


@pytest.mark.parametrize(
    "body",
    [
        "    async def on_a(self): ...\n    async def buy(self, e):\n        await getattr(self, f'on_{e}')()",
        "    async def on_a(self): ...\n    async def buy(self, e):\n        await getattr(self, 'on_' + e)()",
        "    async def on_a(self): ...\n    async def buy(self, e):\n        await getattr(self, 'on_%s' % e)()",
        "    async def buy(self, e):\n        await getattr(self, f'_{e}')()",
        "    async def buy(self, e):\n        await getattr(e, e)()",
    ],
)
def test_names_of_the_class_itself_are_no_matter(scan_app: Scan, body: str) -> None:
    assert codes(scan_app(cart(body))) == []


def test_services_named_by_uses_are_dependencies_and_tied_to_their_classes(scan_app: Scan) -> None:
    body = "    async def buy(self, name):\n        await getattr(self, name).process()"
    files = cart(body, mark='@service(public=True, uses=["payments"])')
    plan = scan_app(files)
    assert codes(plan) == []
    found = dependency(plan, "payments")
    assert (found.service, found.declared, found.optional, found.line) == ("payments", True, False, 3)
    assert found.location is not None
    assert found.location.qualname == "Payments"
    assert disagreements(files) == []


def test_uses_add_nothing_to_what_is_declared(scan_app: Scan) -> None:
    body = "    payments = dependency(optional=True, timeout=2)\n    async def buy(self): ..."
    files = cart(body, mark='@service(public=True, uses=["payments"])')
    found = dependency(scan_app(files), "payments")
    assert (found.optional, found.timeout, found.line) == (True, 2, 5)
    assert disagreements(files) == []


def test_a_service_named_by_uses_that_is_not_there_is_a_warning_at_the_mark(scan_app: Scan) -> None:
    plan = scan_app(cart("    async def buy(self): ...", mark='@service(public=True, uses=["paymets"])'))
    assert codes(plan) == [("HP201", "warning", 3)]
    assert "did you mean 'payments'" in plan.findings[0].hint


@pytest.mark.parametrize("uses", ['["Payments"]', '"payments"', '["config"]', '["cart"]', "[3]"])
def test_uses_that_cannot_be_are_refused_by_scan_and_import(scan_app: Scan, uses: str) -> None:
    files = cart("    async def buy(self): ...", mark=f"@service(uses={uses})")
    plan = scan_app(files)
    assert [found.code for found in plan.findings if found.severity == "error"] == ["HP102"]
    assert disagreements(files) == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("await charge(self)", True),
        ("await charge(self, 3)", True),
        ("await charge(shop=self)", True),
        ("await helpers.charge(self)", True),
        ("asyncio.create_task(charge(self))", True),
        ("await through(3, self)", False),
        ("elsewhere(self)", False),
        ("sets(self)", False),
        ("await charge(self.cart)", False),
        ("await unknown(self)", False),
        ("log.info('%s', self)", False),
    ],
)
def test_a_function_that_calls_another_service_through_self_is_told(scan_app: Scan, call: str, told: bool) -> None:
    body = f"    async def buy(self):\n        {call}"
    plan = scan_app(cart(body, before="import asyncio, helpers, logging as log; from helpers import *"))
    assert codes(plan) == ([("HP208", "warning", 6)] if told else [])
    assert all('write @service(uses=["payments"])' in found.hint for found in plan.findings)


@pytest.mark.parametrize(
    ("mark", "body"),
    [
        ('@service(public=True, uses=["payments"])', "    async def buy(self):\n        await charge(self)"),
        ("@service(public=True)", "    payments = dependency()\n    async def buy(self):\n        await charge(self)"),
        ("@service(public=True)", "    async def buy(self):\n        self.payments = 3\n        await charge(self)"),
        (
            "@service(public=True)",
            "    async def buy(self):\n        await self.payments.process()\n        await charge(self)",
        ),
        ("@service(public=True)", "    repository = 3\n    async def buy(self):\n        await own(self)"),
    ],
)
def test_what_the_class_knows_already_is_not_told(scan_app: Scan, mark: str, body: str) -> None:
    assert codes(scan_app(cart(body, mark, before="from helpers import *"))) == []


# -- types and options by other names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alias", "optional"),
    [
        ("P = Payments", False),
        ("P = Payments | None", True),
        ("from typing import Optional\nP = Optional[Payments]", True),
        ("from typing import Annotated\nP = Annotated[Payments, 1]", False),
        ("from typing import NewType\nP = NewType('P', Payments)", False),
        ("from typing import TypeAlias\nP: TypeAlias = 'Payments'", False),
        *([("type P = Payments | None", True), ("type P = Payments", False)] if SINCE_3_12 else []),
    ],
)
def test_the_alias_of_a_type_declares_what_the_type_does(scan_app: Scan, alias: str, optional: bool) -> None:
    files = cart("    pay: P\n    async def buy(self): ...", before=f"from pay import Payments\n{alias}")
    found = dependency(scan_app(files), "pay")
    assert (found.service, found.optional) == ("payments", optional)
    assert disagreements(files) == []


def test_options_of_dependency_may_be_constants(scan_app: Scan) -> None:
    body = "    pay = dependency(WHO, timeout=LIMIT)\n    async def buy(self): ..."
    files = cart(body, before="WHO = 'payments'\nfrom limits import *")
    files["limits.py"] = "LIMIT = 2 * 60"
    found = dependency(scan_app(files), "pay")
    assert (found.service, found.timeout) == ("payments", 120)
    assert disagreements(files) == []


def test_an_option_that_the_class_computes_is_said_even_if_a_constant_has_that_name(scan_app: Scan) -> None:
    body = "    LIMIT = 3\n    pay = dependency('payments', timeout=LIMIT)\n    async def buy(self): ..."
    plan = scan_app(cart(body, before="LIMIT = 2"))
    assert [found.code for found in plan.findings] == ["HP101"]


def test_an_inner_class_is_a_type_within_its_class_only(scan_app: Scan) -> None:
    inner = "    class Ledger:\n        async def go(self): ...\n"
    source = (
        "from __future__ import annotations\nfrom homeport import service\n"
        f"@service(public=True)\nclass Cart:\n    ledger: Ledger\n    @service(public=True)\n{inner}"
        "    async def buy(self): ...\n"
    )
    plan = scan_app({"cart.py": source})
    assert dependency(plan, "ledger").service == "ledger"
