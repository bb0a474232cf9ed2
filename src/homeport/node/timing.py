"""Waiting for news, but not for ever."""

from __future__ import annotations

import asyncio

from homeport.clock import Clock


async def event_or_due(event: asyncio.Event, due: float | None, clock: Clock) -> None:
    """Return when ``event`` is set, or at ``due`` (monotonic seconds; ``None``: never)."""
    waits: list[asyncio.Future[object]] = [asyncio.ensure_future(event.wait())]
    if due is not None:
        waits.append(asyncio.ensure_future(clock.sleep(max(0.0, due - clock.now()))))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
