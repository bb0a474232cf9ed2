"""Two services that share a worker, one of which measures what calling the other costs."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from time import perf_counter_ns

from homeport import method, service

Loop = Callable[[int], Awaitable[None]]


@service
class Stock:
    async def left(self, product: str, wanted: int) -> int:
        return 1000 - wanted


@service
class Probe:
    stock: Stock

    async def measure(self, calls: int) -> dict[str, float]:
        """Nanoseconds per call of each way.

        The caller's deadline rules: a call made here ends at the latest when this one must. That is what is usual, as
        it is in every chain of calls whose timeouts are all the default.
        """
        return await self._measure(calls)

    @method(timeout=600)
    async def measure_patiently(self, calls: int) -> dict[str, float]:
        """The same with so much time that every call's own deadline rules."""
        return await self._measure(calls)

    async def _measure(self, calls: int) -> dict[str, float]:
        direct = Stock()
        ways: dict[str, Loop] = {"bare": lambda n: bare(direct, n), "handle": self._by_handle}
        found: dict[str, float] = {}
        for name, loop in ways.items():
            gc.collect()
            began = perf_counter_ns()
            await loop(calls)
            found[name] = (perf_counter_ns() - began) / calls
        return found

    async def _by_handle(self, calls: int) -> None:
        for _ in range(calls):
            await self.stock.left("sku-4471-b", 3)


async def bare(direct: Stock, calls: int) -> None:
    for _ in range(calls):
        await direct.left("sku-4471-b", 3)
