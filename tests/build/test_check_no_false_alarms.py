"""What is fine is not told: shapes of code that come near to what checks look for."""

from __future__ import annotations

import pytest

from tests.build.conftest import Scan

STOCK = """
import homeport
@homeport.service
class Stock:
    async def left(self, article: str = "") -> int: ...
    async def names(self) -> list[str]: ...
    async def items(self):
        yield 1
@homeport.service
class Shop:
    def __init__(self) -> None:
        {made}
    async def sell(self, x: int = 0):
        {line}
    async def other(self, fresh: bool):
        self.store = {other}
"""


def told(scan_app: Scan, line: str = "return None", made: str = "self.store = None", other: str = "None") -> list[str]:
    plan = scan_app({"shop.py": STOCK.format(line=line, made=made, other=other)})
    return [f"{finding.code} {finding.message}" for finding in plan.findings if finding.severity != "note"]


@pytest.mark.parametrize(
    "line",
    [
        "return str(await self.stock.left())",
        "return round(await self.stock.left()) + abs(await self.stock.left())",
        "return list(range(await self.stock.left()))",
        "return max(await self.stock.left(), x)",
        "return print(await self.stock.left(), await self.stock.names())",
        "return len(await self.stock.names())",
        "return [name for name in await self.stock.names()]",
        "return [item async for item in self.stock.items()]",
        "return sorted(await self.stock.names())[0]",
        "return f'{await self.stock.left():>5}'",
        "return (await self.stock.left()) if x else None",
        "return lambda: self.stock.left()",
        "call = self.stock.left\n        return await call()",
    ],
)
def test_results_may_be_used_as_what_they_are(scan_app: Scan, line: str) -> None:
    assert told(scan_app, line) == []


def test_an_attribute_that_may_be_one_thing_or_another_is_not_known_to_block(scan_app: Scan) -> None:
    import_it = "import sqlite3; self.store = sqlite3.connect('x')"
    assert told(scan_app, "return self.store.execute('select 1')", import_it, other="Fast()") == []


def test_what_is_called_further_down_is_not_a_function_of_the_class(scan_app: Scan) -> None:
    assert told(scan_app, "return self.store.left()", made="self.store = object()") == []
