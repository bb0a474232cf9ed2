"""Which attributes of a service stand for other services."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent, indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.build.analyzer.dependencies import Member, analyze
from homeport.build.analyzer.marked import StaticScope
from homeport.build.linker.names import Linker
from homeport.build.plan import Plan, PlannedDependency
from homeport.build.scanner.facts import read_module

Scan = Callable[..., Plan]

PAYMENTS = """
    from homeport import service

    @service
    class Payments:
        async def process(self, payment): ...
"""


@pytest.fixture
def found(scan_app: Scan) -> Callable[[str], dict[str, PlannedDependency]]:
    """The dependencies of a service ``Checkout`` with this class body, beside a service ``payments``."""

    def dependencies(body: str, header: str = "", **files: str) -> dict[str, PlannedDependency]:
        source = "\n".join(
            [
                "from homeport import service, dependency, method",
                "from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Optional, Union",
                "if TYPE_CHECKING:\n    from payments import Payments",
                dedent(header),
                "@service\nclass Checkout:",
                "    async def buy(self): ...",
                indent(dedent(body), "    "),
            ]
        )
        named = {f"{name}.py": text for name, text in files.items()}
        plan = scan_app({"checkout.py": source, "payments.py": PAYMENTS, **named})
        service = plan.service("checkout")
        assert service is not None, plan.findings
        return {dependency.attribute: dependency for dependency in service.dependencies}

    return dependencies


def uses(attribute: str) -> str:
    return f"async def go(self):\n    await self.{attribute}.process(1)\n"


# -- by use ------------------------------------------------------------------------------------------------------------


def test_a_called_attribute_that_nobody_assigns_is_a_dependency(found) -> None:
    dependency = found(uses("payments"))["payments"]
    assert dependency.service == "payments"
    assert not dependency.declared
    assert dependency.location is not None
    assert dependency.location.qualname == "Payments"


@pytest.mark.parametrize(
    "body",
    [
        "def _helper(self):\n    return self.payments.process(1)",
        "async def startup(self):\n    await self.payments.process(1)",
        "@property\ndef p(self):\n    return self.payments.process(1)",
        "async def go(this):\n    await this.payments.process(1)",
        "async def go(self):\n    return [await self.payments.process(i) for i in range(3)]",
        "async def go(self):\n    async def inner():\n        await self.payments.process(1)\n    await inner()",
        "async def go(self):\n    return lambda: self.payments.process(1)",
        "async def go(self):\n    async for x in self.payments.stream():\n        yield x",
        "async def go(self):\n    return self.payments.request('GET', '/x')",
        "if True:\n    async def go(self):\n        await self.payments.process(1)",
    ],
)
def test_every_function_of_the_class_counts(found, body: str) -> None:
    assert list(found(body)) == ["payments"]


@pytest.mark.parametrize(
    "body",
    [
        "def __init__(self):\n    self.payments = 1",
        "def set(self):\n    self.payments: int = 1",
        "def set(self):\n    self.payments += 1",
        "def set(self):\n    a, (self.payments, *b) = 1, (2, 3)",
        "def set(self):\n    for self.payments in []: ...",
        "def set(self):\n    with open('x') as self.payments: ...",
        "async def set(self):\n    async with x() as self.payments: ...",
        "def set(self):\n    (self.x, self.payments) = 1, 2",
        "def set(self):\n    setattr(self, 'payments', 1)",
        "def set(self):\n    del self.payments",
        "def set(self):\n    [0 for self.payments in []]",
        "def set(self):\n    def inner():\n        self.payments = 1",
        "payments = None",
        "payments: Any = None",
        "def payments(self): ...",
        "class payments: ...",
        "@property\ndef payments(self): ...",
        "import payments",
        "from x import y as payments",
        "for payments in []: ...",
        "with open('x') as payments: ...",
        "if True:\n    payments = 1",
        "try:\n    payments = 1\nexcept Exception:\n    pass",
    ],
)
def test_an_attribute_assigned_anywhere_is_none(found, body: str) -> None:
    assert found(f"{body}\n{uses('payments')}") == {}


@pytest.mark.parametrize(
    "body",
    [
        "async def go(self):\n    self.payments.x.process()",
        "async def go(self):\n    self.a.payments.process()",
        "async def go(self):\n    self.payments()",
        "async def go(self):\n    self.payments.process",
        "async def go(self):\n    self._payments.process()",
        "async def go(self):\n    self.Payments.process()",
        "async def go(self):\n    other.payments.process()",
        "async def go(self):\n    lambda self: self.payments.process()",
        "async def go(self):\n    def inner(self):\n        self.payments.process()",
        "@staticmethod\ndef go(self):\n    self.payments.process()",
        "@classmethod\ndef go(cls):\n    cls.payments.process()",
    ],
)
def test_what_only_looks_like_a_use_is_none(found, body: str) -> None:
    assert found(body) == {}


@pytest.mark.parametrize("name", ["events", "config", "log"])
def test_reserved_names_are_never_dependencies(found, name: str) -> None:
    assert found(uses(name)) == {}
    assert found(f"{name}: Payments") == {}


# -- declared ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "annotation",
    [
        "Payments",
        '"Payments"',
        "Annotated[Payments, 'cheap']",
        "Annotated['Payments', 1]",
        "payments_module.Payments",
        "Alias",
        "Typed",
        "Again",
    ],
)
def test_an_annotation_whose_type_is_a_service_is_a_dependency(found, annotation: str) -> None:
    header = "import payments as payments_module\nAlias = Payments\nTyped: Any = Payments\nfrom shelf import Again"
    shelf = "from payments import Payments as Again"
    dependency = found(f"pay: {annotation}", header, shelf=shelf)["pay"]
    assert (dependency.service, dependency.declared, dependency.optional) == ("payments", True, False)
    assert dependency.location is not None
    assert dependency.location.path == "payments.py"


@pytest.mark.parametrize(
    "declaration",
    [
        "Payments | None",
        "None | Payments",
        "'Payments | None'",
        "Optional[Payments]",
        "Optional['Payments']",
        "Union[Payments, None]",
        "Annotated[Payments | None, 1]",
        "Payments | None = None",
    ],
)
def test_a_type_that_allows_none_makes_it_optional(found, declaration: str) -> None:
    dependency = found(f"pay: {declaration}")["pay"]
    assert (dependency.service, dependency.optional) == ("payments", True)


@pytest.mark.parametrize(
    "declaration",
    [
        "pay: ClassVar[Payments]",
        "pay: list[Payments]",
        "pay: int",
        "pay: Payments = Payments()",
        "pay: Payments = OTHER",
        "pay: 'not a type('",
        "pay: Payments | int",
        "pay: Unknown",
    ],
)
def test_other_annotations_declare_nothing(found, declaration: str) -> None:
    assert found(declaration) == {}


def test_an_annotated_attribute_that_init_fills_is_the_authors_own(found) -> None:
    assert found("pay: Payments\ndef __init__(self):\n    self.pay = make()") == {}


def test_dependency_takes_the_name_of_the_annotated_service(found) -> None:
    dependency = found("pay: Payments = dependency(timeout='2s', optional=True)")["pay"]
    assert (dependency.service, dependency.timeout, dependency.optional) == ("payments", 2.0, True)
    assert dependency.location is not None


def test_dependency_without_a_service_type_takes_the_name_of_the_attribute(found) -> None:
    dependencies = found("till: Any = dependency()\nbook = dependency()\nx: 'Foreign' = dependency(service='ledger')")
    assert {name: d.service for name, d in dependencies.items()} == {"till": "till", "book": "book", "x": "ledger"}


def test_dependency_may_name_the_service_itself(found) -> None:
    dependencies = found("a = dependency('payments')\nb: Payments = dependency(service='payments')")
    assert {d.service for d in dependencies.values()} == {"payments"}
    assert all(d.location is not None for d in dependencies.values())


def test_an_attribute_annotated_any_is_found_by_its_use(found) -> None:
    assert found(f"payments: Any\n{uses('payments')}")["payments"].declared is False


def test_init_parameters_are_injected_like_annotations(found) -> None:
    dependencies = found(
        """
        pay: Payments

        def __init__(self, pay: Payments, *, spare: Payments | None = None, late: "Payments" = dependency(timeout=1)):
            self.pay = pay
        """
    )
    shown = {name: (d.service, d.parameter, d.optional, d.timeout) for name, d in dependencies.items()}
    assert shown == {
        "pay": ("payments", True, False, None),
        "spare": ("payments", True, True, None),
        "late": ("payments", True, False, 1.0),
    }


def test_the_fields_of_a_dataclass_are_init_parameters(scan_app: Scan) -> None:
    plan = scan_app(
        {
            "payments.py": PAYMENTS,
            "checkout.py": """
                from dataclasses import dataclass
                from homeport import service
                from payments import Payments

                @service
                @dataclass
                class Checkout:
                    pay: Payments
                    async def buy(self): ...
            """,
        }
    )
    assert plan.services[0].dependencies[0].parameter


# -- bases -------------------------------------------------------------------------------------------------------------

BASE = """
    from payments import Payments

    class Grand:
        pay: Payments

    class Base(Grand):
        def open(self):
            self.gateway = 1

        async def inherited(self):
            await self.ledger.write(1)

        async def replaced(self):
            await self.journal.write(1)

        async def extended(self):
            await self.audit.write(1)
"""


def test_bases_of_the_application_count_as_the_class_itself(scan_app: Scan) -> None:
    plan = scan_app(
        {
            "payments.py": PAYMENTS,
            "base.py": BASE,
            "checkout.py": """
                import base
                from homeport import service

                @service
                class Checkout(base.Base):
                    async def buy(self):
                        await self.gateway.send(1)

                    async def replaced(self): ...

                    async def extended(self):
                        await super().extended()
            """,
        }
    )
    service = plan.service("checkout")
    assert service is not None
    assert {d.attribute for d in service.dependencies} == {"pay", "ledger", "audit"}
    missing = {(found.path, found.line) for found in plan.findings}
    assert missing == {("base.py", 12), ("base.py", 18)}


def test_a_service_may_have_methods_only_from_its_bases(scan_app: Scan) -> None:
    plan = scan_app(
        {
            "base.py": "class Base:\n    async def buy(self): ...",
            "checkout.py": """
                from homeport import service
                from base import Base

                @service
                class Checkout(Base): ...
            """,
        }
    )
    assert plan.findings == ()


# -- always ------------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["alpha", "beta", "gamma", "delta"])


@given(used=st.lists(NAMES), assigned=st.lists(NAMES), bound=st.lists(NAMES))
def test_dependencies_are_exactly_what_is_used_and_neither_assigned_nor_bound(
    used: list[str], assigned: list[str], bound: list[str]
) -> None:
    lines = ["class Any:", "  async def go(self):", *(f"    self.{name}.call()" for name in used), "    pass"]
    lines += ["  def set(self):", *(f"    self.{name} = 1" for name in assigned), "    pass"]
    lines += [f"  {name} = 1" for name in bound]
    module = read_module("\n".join(lines), module="m", path="m.py")
    member = Member(StaticScope(Linker(lambda _: None), module), module.classes["Any"])
    dependencies = [dependency.attribute for dependency in analyze("any", [member]).dependencies]
    assert set(dependencies) == set(used) - set(assigned) - set(bound)
    assert len(dependencies) == len(set(dependencies))


@pytest.mark.parametrize(
    "line",
    [
        "await gather(*map(self.payments.process, [1, 2]))",
        "call = functools.partial(self.payments.process, 1)",
        "await self._twice(work=self.payments.process)",
        "table = {'pay': self.payments.process}",
        "for call in [self.payments.process, self.payments.refund]: await call()",
        "later = lambda: gather(*map(self.payments.process, [1]))",
    ],
)
def test_a_method_handed_on_to_be_called_by_others_is_a_use(scan_app: Scan, line: str) -> None:
    source = f"from homeport import service\n@service\nclass Shop:\n    async def go(self):\n        {line}\n"
    (shop,) = scan_app({"shop.py": source}).services
    assert [dependency.service for dependency in shop.dependencies] == ["payments"]


@pytest.mark.parametrize(
    "body",
    [
        "def __init__(self): self.order = 1\n    async def go(self): f(self.order.id)",
        "async def go(self): f(self.shop.id)",
        "async def go(self): f(self._order.id)",
        "async def go(self): f(self.order)",
    ],
)
def test_data_handed_on_is_no_use(scan_app: Scan, body: str) -> None:
    source = f"from homeport import service\n@service\nclass Shop:\n    {body}\n"
    (shop,) = scan_app({"shop.py": source}).services
    assert shop.dependencies == ()


def test_an_attribute_that_a_base_from_elsewhere_may_have_is_no_use_when_handed_on(scan_app: Scan) -> None:
    source = "from homeport import service\nfrom web import View\n@service\nclass Shop(View):\n"
    (shop,) = scan_app({"shop.py": f"{source}    async def go(self): f(self.request.user)\n"}).services
    assert shop.dependencies == ()


@pytest.mark.parametrize("line", ["cls.team = 'core'", "setattr(cls, 'team', 'core')"])
@pytest.mark.parametrize("marks", ["@ours", "@service\n@ours"])
def test_what_a_decorator_of_the_application_sets_is_no_dependency(scan_app: Scan, line: str, marks: str) -> None:
    result = "service(cls)" if marks == "@ours" else "cls"
    kit = f"from homeport import service\ndef ours(cls):\n    {line}\n    return {result}\n"
    shop = f"from kit import ours\nfrom homeport import service\n{marks}\nclass Shop:\n"
    shop += "    async def go(self): return self.team.upper() + self.other.upper()\n"
    plan = scan_app({"kit.py": kit, "shop.py": shop})
    assert [dependency.attribute for dependency in plan.services[0].dependencies] == ["other"]
