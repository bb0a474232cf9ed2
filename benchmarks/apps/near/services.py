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

    @method(timeout=600)
    async def measure(self, calls: int, repeats: int) -> dict[str, list[float]]:
        """Nanoseconds per call of each way, one figure per repeat; the ways take turns."""
        direct = Stock()
        ways: dict[str, Loop] = {"bare": lambda n: bare(direct, n), "handle": self._by_handle}
        found: dict[str, list[float]] = {name: [] for name in ways}
        for name, loop in list(ways.items()) * (repeats + 1):
            gc.collect()
            began = perf_counter_ns()
            await loop(calls)
            found[name].append((perf_counter_ns() - began) / calls)
        return {name: figures[1:] for name, figures in found.items()}  # the first warms up

    async def _by_handle(self, calls: int) -> None:
        for _ in range(calls):
            await self.stock.left("sku-4471-b", 3)


async def bare(direct: Stock, calls: int) -> None:
    for _ in range(calls):
        await direct.left("sku-4471-b", 3)
