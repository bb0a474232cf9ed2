"""What a call that has been sent waits for: its one answer, or a stream of items."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from homeport.errors import DeadlineExceeded, HomeportError, ProtocolError
from homeport.rpc.frames import INITIAL_CREDIT
from homeport.rpc.sweep import NEVER

if TYPE_CHECKING:
    from homeport.rpc.client import ClientLink

Decode = Callable[[memoryview], Any]


class Reply(msgspec.Struct, eq=False):
    """A call that waits for its one answer."""

    link: ClientLink
    call_id: int
    method: str
    decode: Decode
    future: asyncio.Future[Any]

    def on_value(self, body: memoryview) -> None:
        future = self.future
        if not future.done():
            try:
                future.set_result(self.decode(body))
            except Exception as error:
                future.set_exception(error)

    def on_error(self, error: HomeportError) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def on_end(self) -> None:
        self.on_error(ProtocolError(f"{self.method} is not a stream, but the peer ended one"))

    def expire(self, now: float) -> float:
        self.on_error(DeadlineExceeded(f"{self.method} did not answer before its deadline"))
        self.link.forget(self.call_id, cancel=True)
        return NEVER


class Items:
    """A call whose answer is a stream of items; an async iterator that grants the far side credit as it is read.

    ``idle`` is the time the next item may take, in seconds (``None``: for ever). Closing it cancels the far side.
    """

    __slots__ = ("_closed", "_error", "_idle", "_ready", "_taken", "_waiter", "call_id", "decode", "link", "method")

    def __init__(self, link: ClientLink, call_id: int, method: str, decode: Decode, idle: float | None) -> None:
        self.link, self.call_id, self.method, self.decode = link, call_id, method, decode
        self._idle = idle
        self._ready: deque[Any] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._taken = 0
        self._closed = False

    def on_value(self, body: memoryview) -> None:
        try:
            self._ready.append(self.decode(body))
        except Exception as error:
            self.link.forget(self.call_id, cancel=True)
            self._end(error)
            return
        self._wake()

    def on_error(self, error: HomeportError) -> None:
        self._end(error)

    def on_end(self) -> None:
        self._end(StopAsyncIteration())

    def expire(self, now: float) -> float:
        self.link.forget(self.call_id, cancel=True)
        self._end(DeadlineExceeded(f"{self.method} sent no item in time"))
        return NEVER

    def _end(self, error: BaseException) -> None:
        self._error = self._error or error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> Items:
        return self

    async def __anext__(self) -> Any:
        while not self._ready:
            if self._error is not None:
                raise self._error
            if self._closed:
                raise StopAsyncIteration
            await self._wait()
        self._taken += 1
        if self._taken >= INITIAL_CREDIT // 2:
            self.link.grant(self.call_id, self._taken)
            self._taken = 0
        return self._ready.popleft()

    async def _wait(self) -> None:
        loop = self.link.loop
        self._waiter = loop.create_future()
        timer = None if self._idle is None else loop.call_later(self._idle, self.expire, 0.0)
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """Want no more; the far side is cancelled if it still runs."""
        if not self._closed:
            self._closed = True
            self._ready.clear()
            if self._error is None:
                self.link.forget(self.call_id, cancel=True)
            self._wake()

    async def aclose(self) -> None:
        self.close()
