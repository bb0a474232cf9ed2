"""What a connection serves: bound methods, their admission limit and their counters."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from homeport.errors import (
    DeadlineExceeded,
    Draining,
    HomeportError,
    Overloaded,
    RemoteError,
    ServiceError,
    Unavailable,
    said,
    sendable,
)
from homeport.rpc.context import CallContext
from homeport.rpc.frames import Bind

BACKGROUND = 2  # the priority that is shed first


class Admission:
    """How many calls an instance has, how many it takes, and whether it takes any.

    ``rooms`` says by priority (default, critical, background) how many calls may run before one more of that priority
    is refused: what is left at the top is for those that matter more. A draining instance has room for none.
    """

    __slots__ = ("draining", "failures", "idle", "in_flight", "name", "rooms", "served")

    def __init__(self, name: str, limit: int = 1000) -> None:
        self.name = name
        self.rooms = (limit, limit, limit)
        self.in_flight = 0
        self.served = 0
        self.failures: dict[str, int] = {}  # of the served, by kind: failed, deadline, declared, cancelled
        self.draining = False
        self.idle: asyncio.Event | None = None  # set when a draining instance has finished its last call

    def admits(self, priority: int = 0) -> bool:
        return self.in_flight < self.rooms[priority]

    def refusal(self, priority: int = 0) -> Unavailable:
        """Why ``admits()`` said no."""
        if self.draining:
            return Draining(f"{self.name} is draining; the call was not started")
        limit = f"{self.rooms[priority]}, its limit" + ("" if priority != BACKGROUND else " for background calls")
        return Overloaded(f"{self.name} has {self.in_flight} calls running of {limit}; the call was not started")

    def set_rooms(self, rooms: tuple[int, int, int]) -> None:
        if not self.draining:
            self.rooms = rooms

    def failed(self, error: BaseException, context: CallContext) -> None:
        """A call ends badly; ``leave`` follows."""
        if isinstance(error, ServiceError):
            kind = "declared"
        elif isinstance(error, asyncio.CancelledError):
            kind = "deadline" if context._expired else "cancelled"
        else:
            kind = "failed"
        self.failures[kind] = self.failures.get(kind, 0) + 1

    def leave(self) -> None:
        self.in_flight -= 1
        self.served += 1
        if self.idle is not None:
            self.left()

    def left(self) -> None:
        """A call of a draining instance has ended."""
        if self.idle is not None and not self.in_flight:
            self.idle.set()

    def close(self) -> None:
        """Take nothing new."""
        self.draining = True
        self.rooms = (0, 0, 0)

    async def drained(self, within: float) -> bool:
        """Refuse what comes, wait for what runs. False when ``within`` seconds were not enough."""
        self.close()
        if not self.in_flight:
            return True
        self.idle = self.idle or asyncio.Event()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.idle.wait(), within)
        return not self.in_flight


class Edge:
    """What one caller has asked of one method: counted from the start, for placement and for people.

    ``calls`` have ended; ``seconds`` sums the time from arrival to answer; ``cpu_seconds`` the loop time of the
    ``cpu_samples`` calls whose steps were timed, decoding and encoding included.
    """

    __slots__ = ("bytes_in", "bytes_out", "calls", "cpu_samples", "cpu_seconds", "errors", "seconds")

    def __init__(self) -> None:
        self.calls = self.errors = 0
        self.seconds = 0.0
        self.bytes_in = self.bytes_out = 0
        self.cpu_seconds = 0.0
        self.cpu_samples = 0


EdgeKey = tuple[str, str, str]  # caller, service, method


class Edges:
    """The edges of one process's call graph, callee's side."""

    def __init__(self) -> None:
        self._edges: dict[EdgeKey, Edge] = {}

    def edge(self, caller: str, service: str, method: str) -> Edge:
        return self._edges.setdefault((caller, service, method), Edge())

    def snapshot(self) -> Mapping[EdgeKey, Edge]:
        return self._edges


class Binding:
    """One method as one caller reaches it over one connection."""

    __slots__ = (
        "admission",
        "caller",
        "decode",
        "edge",
        "encode",
        "function",
        "method",
        "own_errors",
        "service",
        "streams",
    )

    def __init__(
        self,
        *,
        service: str,
        method: str,
        caller: str,
        function: Callable[..., Awaitable[Any]],  # an async iterator's function, when it streams
        decode: Callable[[memoryview], tuple[tuple[Any, ...], dict[str, Any]]],
        encode: Callable[[Any], bytes],
        streams: bool,
        admission: Admission,
        edge: Edge,
        own_errors: bool = False,
    ) -> None:
        self.service, self.method, self.caller = service, method, caller
        self.function, self.decode, self.encode, self.streams = function, decode, encode, streams
        self.admission, self.edge = admission, edge
        self.own_errors = own_errors  # Homeport's own APIs: errors it raises are answers, not failures of a handler


class PoolExhausted(Overloaded):
    """Every thread of the instance is busy; the method's body was not started."""


class Dispatcher(Protocol):
    """Finds what a caller wants to call."""

    def bind(self, request: Bind) -> Binding:
        """Raises: UnknownService, UnknownMethod, NotAllowed."""


def failure_of(
    error: BaseException, context: CallContext, service: str, method: str, own: bool = False
) -> HomeportError:
    """What the caller is told when a handler raised ``error``: the same for local and remote calls."""
    if isinstance(error, ServiceError) or (own and isinstance(error, HomeportError)):
        return error
    if isinstance(error, PoolExhausted):
        return Overloaded(str(error))  # anew: if it escapes the caller's own method, that one had been started
    if isinstance(error, DeadlineExceeded) and context.remaining() == 0:
        return DeadlineExceeded(f"{service}.{method} did not answer before its deadline")
    text = sendable("".join(traceback.format_exception(error)))
    return RemoteError(service, method, type(error).__name__, _cut(said(error)), _cut(text))


def _cut(text: str, most: int = 32_000) -> str:
    """The end of a text, where the cause stands."""
    return text if len(text) <= most else "…" + text[-most:]
