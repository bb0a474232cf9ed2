"""Calls of methods that are not there, and with arguments that they do not take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from check_samples import HEADER, codes_in, findings_in, in_method, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.build.diagnostics.finding import Finding
from homeport.contracts.signature import signature_of
from homeport.errors import BadArguments


def only(call: str) -> Finding:
    (found,) = findings_in(in_method(call))
    return found


# -- methods -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "code", "message", "hint"),
    [
        ("proces(order)", "HP202", "service 'payments' has no method 'proces'", "did you mean 'process'?"),
        ("xyz()", "HP202", "service 'payments' has no method 'xyz'", "it has anything, changes, names, nothing, "),
        ("count()", "HP202", "service 'payments' has no method 'count'", "it has a `def count`, which is not served"),
        ("shape()", "HP202", "service 'payments' has no method 'shape'", "it has a static method of that name"),
        ("_charge()", "HP207", "'_charge' of service 'payments' is private by its underscore", "call a public method"),
        ("_names()", "HP207", "'_names' of service 'payments' is private by its underscore", "did you mean 'names'?"),
        ("startup()", "HP207", "'startup' of service 'payments' is a hook that Homeport itself calls", "call a pub"),
        ("health()", "HP202", "service 'payments' has no method 'health'", "it has"),
    ],
)
def test_a_method_that_is_not_served_is_an_error_with_the_way_out(
    call: str, code: str, message: str, hint: str
) -> None:
    found = only(f"await self.payments.{call}")
    assert (found.severity, found.code, found.message) == ("error", code, message)
    assert found.hint.startswith(hint)


def test_the_finding_covers_what_is_called() -> None:
    found = only("return await self.payments.proces(order)")
    assert (found.line, found.column, found.end_line, found.end_column) == (11, 22, 11, 42)


@pytest.mark.parametrize(
    "lines",
    [
        "await self.payments.process(order)",
        "await self.payments.request('GET', '/health')",
        "await self.payments.total()",
        "await self.unknown.whatever()",
        "self.mine = order\nawait self.mine.proces()",
        "return self.payments",
        "return self.payments.proces",
    ],
)
def test_what_the_other_service_may_have_is_no_finding(lines: str) -> None:
    assert [code for code in codes_in(in_method(lines)) if code != "HP201"] == []


@pytest.mark.parametrize(
    "extra",
    [
        "from lib import Base\n@service\nclass Ledger(Base):\n    async def write(self): ...",
        "from lib import remade\n@service\n@remade\nclass Ledger:\n    async def write(self): ...",
        "@service\nclass Ledger:\n    async def write(self): ...\n    async def read(self): ...",
    ],
)
def test_methods_from_bases_or_decorators_of_a_library_are_possible(extra: str) -> None:
    assert codes_in(in_method("await self.ledger.read()"), extra=extra) == []


def test_a_base_of_the_application_has_its_methods_served_too() -> None:
    base = "class Base:\n    async def read(self, page): ..."
    extra = f"{base}\n@service\nclass Ledger(Base):\n    async def write(self): ..."
    assert codes_in(in_method("await self.ledger.read(1)"), extra=extra) == []
    assert codes_in(in_method("await self.ledger.read()"), extra=extra) == ["HP402"]


def test_what_two_services_inherit_is_wrong_once() -> None:
    source = """
        from homeport import service
        class Base:
            async def go(self):
                await self.c.missing()
        @service
        class A(Base): ...
        @service
        class B(Base): ...
        @service
        class C:
            async def there(self): ...
    """
    assert [found.code for found in plan_of({"m.py": source}).findings if found.code != "HP301"] == ["HP202"]


# -- through other names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        "p = self.payments\nawait p.proces()",
        "p: Any = self.payments\nawait p.proces()",
        "await (p := self.payments).proces()",
        "if p := self.payments:\n    await p.proces()",
        "p, q = self.payments, 1\nawait p.proces()",
        "proces = self.payments.proces\nawait proces()",
        "p = self.payments or None\nawait p.proces()",
        "p = self.payments if order else None\nawait p.proces()",
        "for p in (self.payments, self.payments):\n    await p.proces()",
        "await getattr(self, 'payments').proces()",
        "async def inner():\n    await self.payments.proces()\nawait inner()",
        "await asyncio.gather(*[self.payments.proces() for o in orders])",
        "f = lambda: self.payments.proces()",
        "async with asyncio.TaskGroup() as tasks:\n    tasks.create_task(self.payments.proces())",
        "async with asyncio.timeout(1):\n    await self.payments.proces()",
        "match order:\n    case 1:\n        await self.payments.proces()",
    ],
)
def test_a_handle_is_followed_through_local_names_and_inner_functions(lines: str) -> None:
    assert codes_in(in_method(lines)) == ["HP202"]


@pytest.mark.parametrize(
    "lines",
    [
        "p = self.payments\np = order\nawait p.proces()",
        "p = self.payments if order else order\nawait p.proces()",
        "p = self.payments\nfor p in orders:\n    await p.proces()",
        "for p in (self.payments, order):\n    await p.proces()",
        "order = self.payments\nawait order.proces()",
        "p = self.payments\ndef inner(p):\n    return p.proces()",
    ],
)
def test_a_name_that_may_stand_for_something_else_proves_nothing(lines: str) -> None:
    assert codes_in(in_method(lines)) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pay: Payments\nasync def go(self): await self.pay.proces()", ["HP202"]),
        ("pay = dependency('payments')\nasync def go(self): await self.pay.proces()", ["HP202"]),
        ("def __init__(self, pay: Payments): self._p = pay\nasync def go(self): await self._p.proces()", ["HP202"]),
        ("def __init__(self, pay: Payments):\n  self._p = pay\n  self._p = 1\nasync def go(self): self._p.x()", []),
        ("pay: Payments\ndef fake(self): self.pay = 1\nasync def go(self): await self.pay.proces()", []),
    ],
)
def test_declared_handles_are_followed_unless_something_else_is_assigned(body: str, expected: list[str]) -> None:
    assert codes_in(body, head="from payments import Payments") == expected


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("'a', 1, 'b', 2, 3", "HP401", "too many arguments: payments.process takes 3 by position, got 5"),
        ("", "HP402", "payments.process is not given 'order'"),
        ("note='x'", "HP402", "payments.process is not given 'order'"),
        ("'a', notes='x'", "HP403", "payments.process has no parameter 'notes'"),
        ("'a', attempts=2", "HP403", "payments.process takes 'attempts' by position only"),
        ("'a', 1, 'b', note='c'", "HP404", "argument 'note' of payments.process is given both by position and by name"),
    ],
)
def test_arguments_that_the_method_does_not_take_are_errors(arguments: str, code: str, message: str) -> None:
    found = only(f"await self.payments.process({arguments})")
    assert (found.severity, found.code, found.message) == ("error", code, message)


def test_the_hint_shows_the_call_as_it_should_be() -> None:
    shown = "payments.process(order: str, attempts: int = 3, /, note: str = '', *, currency: str = 'EUR')"
    assert only("await self.payments.process()").hint == f"call {shown}"
    assert only("await self.payments.process('a', curency='x')").hint == "did you mean 'currency'?"


@pytest.mark.parametrize(
    "arguments",
    ["*orders", "**order", "'a', *orders", "'a', **order", "*orders, note='x'", "'a', 1, 'b', currency='c'"],
)
def test_arguments_behind_stars_are_not_guessed(arguments: str) -> None:
    assert codes_in(in_method(f"await self.payments.process({arguments})")) == []


def test_a_decorated_method_may_take_other_arguments() -> None:
    assert codes_in(in_method("await self.payments.wrapped(1, 2, 3)")) == []


def test_a_method_that_is_bound_anew_may_take_other_arguments() -> None:
    extra = "@service\nclass Ledger:\n    async def write(self): ...\n    write = other(write)"
    assert codes_in(in_method("await self.ledger.write(1)"), extra=extra) == []


NAMES = ("a", "b", "c", "d")


@st.composite
def calls(draw: Any) -> tuple[str, int, list[str]]:
    """The parameters of a method, and the arguments of a call: how many by position, and which by name."""
    kinds = sorted(draw(st.lists(st.sampled_from(["0position", "1either", "2name"]), max_size=4)))
    parameters: list[str] = []
    optional = False
    for name, kind in zip(NAMES, kinds, strict=False):
        if kind == "2name" and "*" not in parameters:
            parameters.append("*")
        optional = draw(st.booleans()) or (optional and kind != "2name")
        parameters.append(f"{name}=0" if optional else name)
        if kind == "0position" and kinds.count(kind) == len([p for p in parameters if p not in "*/"]):
            parameters.append("/")
    return ", ".join(parameters), draw(st.integers(0, 5)), draw(st.lists(st.sampled_from([*NAMES, "e"]), unique=True))


@settings(max_examples=60, deadline=None)
@given(calls())
def test_the_check_agrees_with_what_happens_at_run_time(call: tuple[str, int, list[str]]) -> None:
    parameters, count, named = call
    given_ = ", ".join([*map(str, range(count)), *(f"{name}=1" for name in named)])
    source = f"""{HEADER}
@service
class Pay:
    async def go(self, {parameters}): ...
@service
class Shop:
    async def buy(self): await self.pay.go({given_})
"""
    found = [one for one in plan_of({"m.py": source}).findings if one.code.startswith("HP40")]
    namespace: dict[str, Any] = {}
    exec(f"class Pay:\n    async def go(self, {parameters}): ...", namespace)
    encode: Callable[..., bytes] = signature_of(namespace["Pay"], "pay").methods["go"].encode_arguments
    try:
        encode(tuple(range(count)), dict.fromkeys(named, 1))
    except BadArguments:
        assert found, "refused at run time, but not found"
    else:
        assert not found
