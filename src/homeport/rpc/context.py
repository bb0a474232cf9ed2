"""What travels with a call: its deadline, its trace, who called, and metadata."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import msgspec

from homeport.errors import DeadlineExceeded
from homeport.rpc.sweep import NEVER, sweep_of

log = logging.getLogger("homeport.rpc")

DEFAULT_TIMEOUT = 30.0
SWALLOWED_AFTER = 1.0  # seconds after its deadline that a call still runs before its stack is reported
_EMPTY: Mapping[str, str] = MappingProxyType({})


class CallContext(msgspec.Struct, eq=False):
    """The call that is being served, or the deadline a ``timeout`` block has set.

    ``deadline`` is a moment on the event loop's clock (``None``: no limit); ``remaining()`` is what is left of it.
    """

    # A Struct, since one is made for every call: it costs less than half of a class with slots.
    service: str = ""
    method: str = ""
    caller: str = ""
    deadline: float | None = None
    trace: bytes = b""  # 16 bytes; empty until somebody asks, since most local calls end before anybody does
    span: bytes = b""  # 8 bytes, likewise
    metadata: Mapping[str, str] = _EMPTY
    priority: int = 0  # 0 default, 1 critical, 2 background
    retry: bool = False  # made on behalf of a call that is itself a retry
    _task: asyncio.Task[Any] | None = None
    _length: float = NEVER  # seconds it had when it began; at least, when that is not known
    _expired: bool = False
    _cancelling: int = 0

    @property
    def trace_id(self) -> str:
        """32 hex digits, the same over all hops of one request."""
        return self.traced().hex()

    @property
    def span_id(self) -> str:
        """16 hex digits of this call alone."""
        if not self.span:
            self.span = new_span()
        return self.span.hex()

    def traced(self) -> bytes:
        """The trace id, made now if there is none yet."""
        if not self.trace:
            self.trace = new_trace()
        return self.trace

    def remaining(self) -> float | None:
        """Seconds until the deadline, never below zero; ``None`` without one."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - _now())

    def expire(self, now: float) -> float:
        """Called by the sweep: cancel the work; look again a little later whether it obeyed."""
        task = self._task
        if task is None or task.done():
            return NEVER
        if not self._expired:
            self._expired = True
            self._cancelling = task.cancelling()
            task.cancel()
            return now + SWALLOWED_AFTER
        log.warning(
            "call.ignores_cancellation",
            extra={"service": self.service, "method": self.method, "stack": _stack_of(task)},
        )
        return NEVER

    def take_expiry(self) -> bool:
        """Whether this deadline has cancelled the task; the request is taken back from it.

        False also when somebody else wants the task cancelled as well: then the cancellation must go on.
        """
        if self._expired and self._task is not None:
            self._expired = False
            return self._task.uncancel() <= self._cancelling
        return False


def _stack_of(task: asyncio.Task[Any]) -> str:
    """Where a waiting task stands, innermost first: its stack alone ends at the outermost coroutine."""
    lines: list[str] = []
    waiting: Any = task.get_coro()
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "ag_frame", None)
        if frame is not None:
            lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "ag_await", None)
    return " <- ".join(reversed(lines))


class ThreadSide(threading.local):
    """What a pool thread knows of the loop it works for."""

    loop: asyncio.AbstractEventLoop | None = None


thread_side = ThreadSide()


def _loop() -> asyncio.AbstractEventLoop | None:
    """The loop that this code runs on; None in a thread, its own or one of a pool."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _now() -> float:
    """The time on the clock that this code's deadlines are set by."""
    loop = _loop() or thread_side.loop
    return loop.time() if loop is not None else time.monotonic()


CURRENT: ContextVar[CallContext | None] = ContextVar("homeport_call", default=None)
_random = random.Random()  # ids need to be distinct, not secret
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)  # else a server's forked children would all draw the same


_pack_span = struct.Struct("<Q").pack  # half the price of int.to_bytes


def new_trace() -> bytes:
    return _random.getrandbits(128).to_bytes(16, "little")


def new_span() -> bytes:
    return _pack_span(_random.getrandbits(64))


def current() -> CallContext:
    """The call being served here; outside of one, an empty context without a deadline."""
    return CURRENT.get() or CallContext()


def derived(
    parent: CallContext | None, *, deadline: float | None, metadata: Mapping[str, str] | None = None
) -> CallContext:
    """A context inside ``parent`` with an own deadline, never later than the parent's."""
    if parent is None:
        return CallContext(deadline=deadline, metadata=metadata or _EMPTY)
    if parent.deadline is not None and (deadline is None or parent.deadline < deadline):
        deadline = parent.deadline
    return CallContext(
        parent.service,
        parent.method,
        parent.caller,
        deadline,
        parent.traced(),
        parent.span,
        parent.metadata if metadata is None else {**parent.metadata, **metadata},
        parent.priority,
        parent.retry,
    )


def moved(context: CallContext, remaining: float | None) -> CallContext:
    """``context`` for a loop in another thread, whose clock may be another; ``remaining`` seconds are left of it."""
    return CallContext(
        context.service,
        context.method,
        context.caller,
        None if remaining is None else asyncio.get_running_loop().time() + remaining,
        context.traced(),
        context.span,
        context.metadata,
        context.priority,
        context.retry,
    )


@contextmanager
def timeout(seconds: float) -> Iterator[CallContext]:
    """Everything inside must end within ``seconds``; the deadline travels with every call made inside.

    In code that does not await (``connect_sync()``, the body of a ``def`` method) it bounds the calls, and nothing else
    can be interrupted.

    Raises:
        DeadlineExceeded: the block did not end in time.
    """
    context = derived(CURRENT.get(), deadline=_now() + seconds)
    token = CURRENT.set(context)
    loop = _loop()
    if loop is None:
        try:
            yield context
        finally:
            CURRENT.reset(token)
        return
    context._task = asyncio.current_task()
    sweep = sweep_of(loop)
    assert context.deadline is not None
    sweep.add(context, context.deadline)
    try:
        yield context
    except asyncio.CancelledError:
        if context.take_expiry():
            raise DeadlineExceeded(f"the block did not end within {seconds:g} s") from None
        raise
    finally:
        context.take_expiry()  # the block may have swallowed the cancellation
        sweep.entries.pop(context, None)
        CURRENT.reset(token)


@contextmanager
def metadata(**values: str) -> Iterator[None]:
    """Calls made inside carry these strings along, over every hop."""
    parent = CURRENT.get()
    token = CURRENT.set(derived(parent, deadline=None, metadata=values))
    try:
        yield
    finally:
        CURRENT.reset(token)
