"""A stream of JSON texts as server-sent events or as lines of JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol

from homeport.errors import HomeportError
from homeport.http.exchange import Exchange
from homeport.http.problems import encode_problem, problem_of

KEEPALIVE_AFTER = 15.0  # seconds of silence; common proxies give up after 30 to 60
PATIENCE = 0.5  # seconds to wait for the first item before the status is sent: an early error gets its own status

_UNBUFFERED = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))


class Framing(Protocol):
    """How items, an error and silence look on the wire."""

    content_type: bytes
    keepalive: bytes
    end: bytes

    def item(self, text: bytes) -> bytes: ...
    def error(self, text: bytes) -> bytes: ...


class EventStream:
    """Server-sent events: items as plain messages, then an ``end`` or an ``error`` event."""

    content_type = b"text/event-stream; charset=utf-8"
    keepalive = b": still here\n\n"
    end = b"event: end\ndata: {}\n\n"

    def item(self, text: bytes) -> bytes:
        return b"data: %b\n\n" % _one_line(text)

    def error(self, text: bytes) -> bytes:
        return b"event: error\ndata: %b\n\n" % _one_line(text)


class ReadyEvents(EventStream):
    """Items that are events already. Its end is a closed connection, after which a browser comes back by itself."""

    end = b""

    def item(self, text: bytes) -> bytes:
        return text


class JsonLines:
    """One item a line; an error is a last line ``{"error": problem}``. An empty line means *still here*."""

    content_type = b"application/x-ndjson; charset=utf-8"
    keepalive = b"\n"
    end = b""

    def item(self, text: bytes) -> bytes:
        return _one_line(text) + b"\n"

    def error(self, text: bytes) -> bytes:
        return b'{"error":%b}\n' % _one_line(text)


def event(name: str, data: bytes, id: int | None = None) -> bytes:
    """One named server-sent event."""
    head = f"id: {id}\n".encode() if id is not None else b""
    return b"%bevent: %b\ndata: %b\n\n" % (head, name.encode(), _one_line(data))


def framing_for(accept: bytes) -> Framing:
    """Server-sent events for who asks for them, else lines."""
    return EventStream() if b"text/event-stream" in accept else JsonLines()


async def answer_stream(
    exchange: Exchange, items: AsyncIterator[bytes], framing: Framing, *, stop: asyncio.Event | None = None
) -> None:
    """Send items as they come, until they or ``stop`` end it.

    However this ends, ``items`` is closed, which cancels what produces them.

    An error before the first item is raised for the caller to answer; a later one is the stream's last word.

    Raises:
        ClientGone: the client went away.
    """
    try:
        async with exchange.while_connected():
            await _send_all(exchange, items, framing, stop)
    finally:
        await close(items)


async def _send_all(
    exchange: Exchange, items: AsyncIterator[bytes], framing: Framing, stop: asyncio.Event | None
) -> None:
    headers = [(b"content-type", framing.content_type), *_UNBUFFERED]
    try:
        async with aclosing(with_silences(items, PATIENCE, KEEPALIVE_AFTER, stop=stop)) as texts:
            async for text in texts:
                if not exchange.started:
                    await exchange.start(200, headers)
                await exchange.send(framing.keepalive if text is None else framing.item(text), more=True)
    except (HomeportError, TimeoutError) as error:
        if not exchange.started:
            raise
        problem = problem_of(error, service=exchange.service, trace_id=exchange.trace.id)
        exchange.log_failure(error, problem.status)
        await exchange.send(framing.error(encode_problem(problem)))
        return
    if not exchange.started:
        await exchange.start(200, headers)
    await exchange.send(framing.end)


async def with_silences(
    items: AsyncIterator[bytes], first: float, later: float, *, stop: asyncio.Event | None = None
) -> AsyncGenerator[bytes | None, None]:
    """The items, and ``None`` for every ``later`` seconds (at the start: ``first``) in which there was none.

    It ends with the items, or once ``stop`` is set.
    """
    patience = first
    stopped: asyncio.Future[Any] = asyncio.ensure_future((stop or asyncio.Event()).wait())
    pending: asyncio.Future[Any] | None = None
    try:
        while not stopped.done():
            if pending is None:
                pending = asyncio.ensure_future(anext(items))
            done, _ = await asyncio.wait({pending, stopped}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            patience = later
            if pending not in done:
                if not done:
                    yield None
                continue
            try:
                item: bytes = pending.result()
            except StopAsyncIteration:
                return
            finally:
                pending = None
            yield item
    finally:
        left: set[asyncio.Future[Any]] = {one for one in (pending, stopped) if one is not None and not one.done()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)


async def close(items: AsyncIterator[bytes]) -> None:
    """Close an iterator that can be closed."""
    aclose = getattr(items, "aclose", None)
    if aclose is not None:
        await aclose()


def _one_line(text: bytes) -> bytes:
    # Inside JSON strings line ends are escaped, so what is found here is only layout.
    return text.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in text or b"\r" in text else text
