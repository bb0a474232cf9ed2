"""A clock that tests move by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class FakeClock:
    """Stands still until told to move; never waits for a real second.

    Monotonic and wall-clock time move together, from ``start`` and ``wall``.
    """

    def __init__(self, start: float = 1_000.0, wall: float = 1_700_000_000.0) -> None:
        self._now = start
        self._wall_offset = wall - start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + self._wall_offset

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass: every sleeper wakes at its own moment and runs before time moves on."""
        _check(seconds)
        end = self._now + seconds
        await _let_tasks_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._now = max(self._now, self._sleepers[0][0])
            self._wake()
            await _let_tasks_run()
        self._now = end
        await _let_tasks_run()

    def jump(self, seconds: float) -> None:
        """Lose ``seconds`` at once, as a stopped process or a stalled loop does: sleepers wake late."""
        _check(seconds)
        self._now += seconds
        self._wake()

    def set_wall(self, wall: float) -> None:
        """Move the wall clock alone, as an administrator or a time server does."""
        self._wall_offset = wall - self._now

    def _wake(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)


def _check(seconds: float) -> None:
    if seconds < 0:
        raise ValueError(f"time cannot pass by {seconds:g} s; set_wall() moves the wall clock back")


async def _let_tasks_run(turns: int = 10) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
