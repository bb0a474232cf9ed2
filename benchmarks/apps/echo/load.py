"""A closed loop: so many callers at once, each calling again as soon as it has its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TypedDict


class Figures(TypedDict):
    calls: int
    seconds: float
    p50: float  # microseconds
    p99: float


async def closed_loop(call: Callable[[], Awaitable[object]], in_flight: int, seconds: float) -> Figures:
    times: list[float] = []
    note = times.append
    began = perf_counter()
    until = began + seconds

    async def caller() -> None:
        before = perf_counter()
        while before < until:
            await call()
            now = perf_counter()
            note(now - before)
            before = now

    async with asyncio.TaskGroup() as callers:
        for _ in range(in_flight):
            callers.create_task(caller())
    elapsed = perf_counter() - began
    times.sort()
    last = len(times) - 1
    return Figures(
        calls=len(times), seconds=elapsed, p50=times[last * 50 // 100] * 1e6, p99=times[last * 99 // 100] * 1e6
    )
