"""Services that the simulations run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from homeport import ServiceError, method, service

UNDER_WAY: dict[str, int] = {}  # methods that run at this moment


class SoldOut(ServiceError, status=409):
    item: str


@service
class Stock:
    """Has no dependencies."""

    async def take(self, item: str) -> str:
        await asyncio.sleep(0.002)
        if item.endswith("13"):
            raise SoldOut(item=item)
        return item

    @method(idempotent=True)
    async def count(self, item: str) -> int:
        await asyncio.sleep(0.001)
        return len(item)

    async def slow(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "at last"

    async def linger(self, seconds: float) -> str:
        with under_way("stock.linger"):
            await asyncio.sleep(seconds)
        return "done"

    async def stall(self, seconds: float) -> str:
        time.sleep(seconds)  # the mistake that blocks a whole event loop
        return "unblocked"

    @method
    def in_a_thread(self, seconds: float) -> str:
        time.sleep(seconds)
        return "from a thread"

    async def numbers(self, upto: int) -> AsyncIterator[int]:
        for number in range(upto):
            yield number


@service
class Orders:
    """Calls ``Stock`` for every order."""

    stock: Stock

    async def place(self, item: str) -> str:
        taken = await self.stock.take(item)
        return f"order of {taken}"

    @method(idempotent=True)
    async def look(self, item: str) -> int:
        return await self.stock.count(item)

    async def linger(self, seconds: float) -> str:
        with under_way("orders.linger"):
            return await self.stock.linger(seconds)


@contextmanager
def under_way(what: str) -> Iterator[None]:
    UNDER_WAY[what] = UNDER_WAY.get(what, 0) + 1
    try:
        yield
    finally:
        UNDER_WAY[what] -= 1
        if not UNDER_WAY[what]:
            del UNDER_WAY[what]
