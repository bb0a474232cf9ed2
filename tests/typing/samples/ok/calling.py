"""Scripts, threads and deadlines."""

from __future__ import annotations

from typing import Any, assert_type

import homeport
from ok.handles import Stock


@homeport.service
class Reports:
    stock: Stock

    @homeport.method
    def build(self, product: str) -> int:
        return homeport.wait(self.stock.take(product)) + homeport.wait(self.stock.count(product))


async def a_script_calls_by_class_or_by_name() -> None:
    async with homeport.connect() as hp:
        assert_type(hp, homeport.Client)
        stock = hp.get(Stock)
        assert_type(stock, Stock)
        assert_type(await stock.count("tea"), int)
        anything: Any = await hp.service("stock").take("tea")
        print(anything)
        async for change in hp.watch("stock"):
            print(change)


async def a_deadline_is_set_for_a_block(stock: Stock) -> int:
    with homeport.timeout(2):
        return await stock.take("tea")


def the_errors_have_their_groups(error: homeport.HomeportError) -> str:
    match error:
        case homeport.NoEndpoint() | homeport.Overloaded() | homeport.Draining() | homeport.ConnectionLost():
            return "again"
        case homeport.DeadlineExceeded():
            return "late"
        case homeport.Unavailable():
            return "away"
        case homeport.RemoteError():
            return error.kind
        case homeport.ServiceError():
            return error.code
        case homeport.ProtocolError() | homeport.UsageError():
            return "wrong"
        case _:
            return "other"
