"""Calling other services from the thread of a plain ``def`` method."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from homeport.errors import UsageError
from homeport.rpc.context import CURRENT, thread_side

T = TypeVar("T")


def wait(awaitable: Awaitable[T]) -> T:
    """Block this thread until ``awaitable`` is done, and return its result; deadline and trace are the caller's.

    For the body of a ``def`` method marked ``@method``::

        @method
        def report(self, month: str) -> bytes:
            orders = homeport.wait(self.orders.of_month(month))

    Raises:
        UsageError: called on an event loop, where ``await`` is the way, or in a thread that runs no method.
    """
    loop = thread_side.loop
    if loop is None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise UsageError(
                "homeport.wait() works inside a `def` method marked @method; in a script use homeport.connect_sync()"
            ) from None
        raise UsageError("homeport.wait() would block the event loop; inside `async def` write `await` instead")
    context = CURRENT.get()

    async def in_the_callers_name() -> T:
        CURRENT.set(context)
        return await awaitable

    return asyncio.run_coroutine_threadsafe(in_the_callers_name(), loop).result()
