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
