"""The scan of an application says what importing it shows, in whatever way it is written."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.build.differential import disagreements
from tests.build.made_applications import applications

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(UNHURRIED, max_examples=40)
@given(applications())
def test_the_scan_finds_what_an_import_finds(files: dict[str, str]) -> None:
    assert disagreements(files) == []


@pytest.mark.long
@pytest.mark.timeout(1200)
@settings(UNHURRIED, max_examples=3000)
@given(applications())
def test_the_scan_of_many_applications_finds_what_an_import_finds(files: dict[str, str]) -> None:
    assert disagreements(files) == []


SHOP = """
from __future__ import annotations
import homeport
def same(cls):
    return cls
class Stock:
    async def left(self) -> int:
        return await self.cart.count()
{line}
@homeport.service
class Shop:
    stock: Stock
    def __init__(self, more: Stock) -> None: ...
    async def sell(self) -> None: ...
@homeport.service
class Depot(Stock): ...
"""


@pytest.mark.parametrize(
    "line",
    [
        "Stock = homeport.service(Stock)",
        "Stock = homeport.service(name='far', replicas=2)(Stock)",
        "Stock = same(Stock)",
    ],
)
def test_a_class_that_is_given_to_a_decorator_by_hand_stays_that_class(line: str) -> None:
    assert disagreements({"shop.py": SHOP.format(line=line)}) == []


NESTED = """
from __future__ import annotations
import homeport
class Depot:
    @homeport.service
    class Stock:
        async def left(self) -> int:
            return await self.cart.count()
    class Base:
        async def asked(self) -> int:
            return await self.mail.count()
@homeport.service
class Shop({base}):
    stock: {type}
    async def sell(self) -> None: ...
"""


@pytest.mark.parametrize(("base", "type"), [("Depot.Base", "Depot.Stock"), ("Depot.Stock", "'Depot.Stock | None'")])
def test_classes_within_classes_are_types_and_bases(base: str, type: str) -> None:
    files = {"shop.py": NESTED.format(base=base, type=type)}
    assert disagreements(files) == []
    elsewhere = NESTED.split("@homeport.service\nclass Shop")
    files = {
        "depot.py": elsewhere[0],
        "shop.py": "from __future__ import annotations\nimport homeport, depot\n@homeport.service\nclass Shop"
        + elsewhere[1].format(base=f"depot.{base}", type=type.replace("Depot", "depot.Depot")),
    }
    assert disagreements(files) == []
