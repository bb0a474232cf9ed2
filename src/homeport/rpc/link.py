"""One end of a connection: frames in, frames out, in batches; what both ends have in common."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import msgspec

from homeport.errors import HomeportError, NotAllowed, ProtocolError
from homeport.rpc.frames import (
    BIND,
    CALL,
    CANCEL,
    CREDIT,
    END,
    ERROR,
    GOAWAY,
    HELLO,
    ITEM,
    PING,
    PONG,
    PROTOCOL_VERSION,
    REPLY,
    FrameReader,
    Hello,
    frame,
)

log = logging.getLogger("homeport.rpc")

# Measured: flushing every 8 to 32 frames gives twice the calls/s of one flush per batch or one write per frame.
FLUSH_FRAMES = 16
SERVER_ONLY = frozenset((BIND, CALL, CREDIT, CANCEL))
CLIENT_ONLY = frozenset((REPLY, ITEM, END, ERROR, GOAWAY))

_decode_hello = msgspec.msgpack.Decoder(Hello).decode


class Link(asyncio.BufferedProtocol):
    """Reads and writes frames over one transport.

    A broken frame closes this connection with a named error and harms no other. Subclasses handle the frames in
    ``on_frame`` and learn of the end in ``on_lost``.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, hello: Hello, accepts: frozenset[int]) -> None:
        self.loop = loop
        self.peer = Hello()
        self.greeted = False
        self.closed = False
        self.error: HomeportError | None = None
        self._hello = hello
        self._accepts = accepts
        self._reader = FrameReader()
        self._handle = self._dispatch  # once greeted, ``on_frame`` itself where the type is one it accepts
        self.heard = 0.0  # loop time of the last bytes from the peer
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._flush_scheduled = False
        self.congested = False  # the send buffer is full; ``writable`` is set when it no longer is
        self.writable = asyncio.Event()
        self.writable.set()
        self.lost: asyncio.Future[None] = loop.create_future()

    # -- what subclasses do --------------------------------------------------------------------------------------------

    def on_frame(self, kind: int, call_id: int, code: int, flags: int, body: memoryview) -> None:
        """Handle a frame of a type that ``accepts`` names; the body is valid only until this returns."""
        raise NotImplementedError

    def on_greeted(self) -> None:
        """The peer has said hello. Raise to refuse it."""

    def on_lost(self, error: HomeportError | None) -> None:
        """The connection is gone."""

    # -- out -----------------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Queue a frame; it leaves with the next batch."""
        out = self._out
        out.append(data)
        if len(out) >= FLUSH_FRAMES:
            self.flush()
        elif not self._flush_scheduled:
            self._flush_scheduled = True
            self.loop.call_soon(self._flush_later)

    def _flush_later(self) -> None:
        self._flush_scheduled = False
        self.flush()

    def flush(self) -> None:
        out = self._out
        transport = self._transport
        if out and transport is not None and not self.closed and not transport.is_closing():
            transport.write(out[0] if len(out) == 1 else b"".join(out))
            out.clear()

    def close(self, error: HomeportError | None = None) -> None:
        """Send what is queued, then close. ``error`` is why, for whoever waits on this connection."""
        if self.closed:
            return
        self.flush()
        self.closed = True
        self.error = self.error or error
        if self._transport is not None:
            self._transport.close()
        else:
            self._finish()

    # -- asyncio's side ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self.send(frame(HELLO, body=msgspec.msgpack.encode(self._hello)))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._finish()

    def _finish(self) -> None:
        self.resume_writing()
        self._out.clear()
        if not self.lost.done():
            self.lost.set_result(None)
            self.on_lost(self.error)

    def pause_writing(self) -> None:
        self.congested = True
        self.writable.clear()

    def resume_writing(self) -> None:
        self.congested = False
        self.writable.set()

    def pause_reading(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.resume_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._reader.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        self.heard = self.loop.time()
        try:
            self._reader.received(nbytes, self._handle)
        except (ProtocolError, NotAllowed) as error:
            self._refuse(error)
        except Exception as error:  # whatever a peer sends, only its own connection ends
            log.exception("connection.broken", extra={"peer": self.peer.name})
            self._refuse(ProtocolError(f"cannot handle what {self.peer.name or 'the peer'} sent: {error!r}"))

    def eof_received(self) -> bool:
        return False

    def _refuse(self, error: HomeportError) -> None:
        log.warning("connection.refused", extra={"peer": self.peer.name, "error": str(error)})
        self.on_refused(error)
        self.close(error)

    def on_refused(self, error: HomeportError) -> None:
        """The peer broke the protocol and the connection is about to close: last chance to tell it why."""

    def _dispatch(self, kind: int, call_id: int, code: int, flags: int, body: memoryview) -> None:
        if self.closed:
            return
        if kind in self._accepts and self.greeted:
            self.on_frame(kind, call_id, code, flags, body)
        elif kind == HELLO:
            self._on_hello(body)
        elif not self.greeted:
            raise ProtocolError("the peer's first frame is not a hello")
        elif kind == PING:
            self.send(frame(PONG, call_id))
        elif kind == PONG:
            self.on_pong(call_id)
        else:
            raise ProtocolError(f"frame type {kind} is not for this end of the connection")

    def _dispatch_greeted(self, kind: int, call_id: int, code: int, flags: int, body: memoryview) -> None:
        if kind in self._accepts and not self.closed:
            self.on_frame(kind, call_id, code, flags, body)
        else:
            self._dispatch(kind, call_id, code, flags, body)

    def on_pong(self, call_id: int) -> None:
        """A ping of ours came back."""

    def _on_hello(self, body: memoryview) -> None:
        if self.greeted:
            raise ProtocolError("the peer said hello twice")
        try:
            peer = _decode_hello(body)
        except msgspec.MsgspecError as broken:
            raise ProtocolError(f"the peer's hello cannot be read: {broken}") from broken
        if peer.protocol != PROTOCOL_VERSION:
            older = "the peer" if peer.protocol < PROTOCOL_VERSION else "this side"
            raise ProtocolError(
                f"protocol {peer.protocol} of {peer.name or 'the peer'} (homeport {peer.version or '?'}) is not "
                f"{PROTOCOL_VERSION} of homeport {self._hello.version or '?'}; upgrade {older}"
            )
        self.peer = peer
        self.greeted = True
        self.on_greeted()
        self._handle = self._dispatch_greeted


Endpoint = str


async def open_link(endpoint: Endpoint, link: Link) -> None:
    """Connect ``link`` to a ``unix:/path`` or ``tcp://host:port`` endpoint.

    Raises:
        OSError: nobody listens there.
        ValueError: the endpoint has another scheme.
    """
    if endpoint.startswith("unix:"):
        await link.loop.create_unix_connection(lambda: link, endpoint.removeprefix("unix:"))
    elif endpoint.startswith("tcp://"):
        host, port = split_tcp(endpoint)
        await link.loop.create_connection(lambda: link, host, port)
    else:
        raise ValueError(f"cannot call {endpoint!r}: need unix:/path or tcp://host:port")


def split_tcp(endpoint: Endpoint) -> tuple[str, int]:
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"cannot read {endpoint!r}: need tcp://host:port")
    return host.strip("[]"), int(port)
