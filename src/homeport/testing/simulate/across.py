"""Awaits in one simulated process what another does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from homeport.testing.simulate.process import Process

T = TypeVar("T")


class ProcessDied(Exception):
    """The process that was to do it died over it."""


async def across(process: Process, work: Callable[[], Awaitable[T]]) -> T:
    """Await something inside another process.

    Raises:
        ProcessDied: before it was done.
    """
    here = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = here.create_future()

    def settle(setter: Callable[[Any], None], value: Any) -> None:
        if not outcome.done():
            here.call_soon(lambda: None if outcome.done() else setter(value))

    async def carry_out() -> None:
        try:
            result = await work()
        except Exception as error:
            settle(outcome.set_exception, error)
        else:
            settle(outcome.set_result, result)

    def died(_: Process) -> None:
        settle(outcome.set_exception, ProcessDied(f"{process.name} died over it"))

    process.on_exit.append(died)
    if process.alive:
        process.loop.call_soon(lambda: process.loop.create_task(carry_out()))
    else:
        died(process)
    try:
        return await outcome
    finally:
        process.on_exit.remove(died)
