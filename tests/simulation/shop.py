"""Services that the simulations run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from homeport import ServiceError, method, service


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
