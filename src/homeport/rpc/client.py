"""The calling end of one connection: sends calls, matches answers, gives up in time."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from homeport.errors import (
    BadArguments,
    ConnectionLost,
    DeadlineExceeded,
    Draining,
    HomeportError,
    NotAllowed,
    NotSent,
    ProtocolError,
)
from homeport.rpc.answers import Decode, Items, Reply
from homeport.rpc.context import CallContext, new_span, new_trace
from homeport.rpc.frames import (
    BIND,
    CALL,
    CALL_HEADER,
    CANCEL,
    CONTEXT_SIZE,
    CREDIT,
    END,
    ERROR,
    HAS_CONTEXT,
    HAS_METADATA,
    IS_RETRY,
    ITEM,
    MAX_BODY,
    NO_DEADLINE,
    PING,
    PRIORITY_SHIFT,
    REPLY,
    Bind,
    GoAway,
    Hello,
    frame,
    metadata_block,
)
from homeport.rpc.link import CLIENT_ONLY, Endpoint, Link, open_link
from homeport.rpc.status import decode_error
from homeport.rpc.sweep import sweep_of

log = logging.getLogger("homeport.rpc")

CONNECT_TIMEOUT = 3.0
_MAX_CALL_ID = 0xFFFFFFFF
_pack_call = CALL_HEADER.pack
_decode_goaway = msgspec.msgpack.Decoder(GoAway).decode


class ClientLink(Link):
    """The calling end of one connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, endpoint: Endpoint, hello: Hello) -> None:
        super().__init__(loop, hello, CLIENT_ONLY)
        self.endpoint = endpoint
        self.leaving = False  # the far side has said goaway
        self._sweep = sweep_of(loop)
        self._deadlines = self._sweep.entries
        self._pending: dict[int, Reply | Items] = {}
        self._next_id = 0
        self._numbers: dict[Bind, int] = {}
        self._pings: dict[int, asyncio.Future[None]] = {}

    @property
    def usable(self) -> bool:
        return not self.closed and not self.leaving

    # -- calls ---------------------------------------------------------------------------------------------------------

    def number(self, bind: Bind) -> int:
        """The number of a method on this connection; binds it at the first use."""
        number = self._numbers.get(bind)
        if number is None:
            number = self._numbers[bind] = len(self._numbers) + 1
            if number > 0xFFFF:
                raise ProtocolError(f"more than 65535 methods are bound over one connection to {self.endpoint}")
            self.send(frame(BIND, code=number, body=msgspec.msgpack.encode(bind)))
        return number

    def _new_id(self) -> int:
        call_id = self._next_id
        pending = self._pending
        while True:
            call_id = call_id + 1 if call_id < _MAX_CALL_ID else 1
            if call_id not in pending:
                self._next_id = call_id
                return call_id

    def call(
        self, number: int, method: str, body: bytes, decode: Decode, deadline: float | None, context: CallContext | None
    ) -> Reply:
        """Send a call; await the reply's ``future``, and ``abandon`` it if the wait is cancelled.

        ``deadline`` is a moment on the loop's clock.

        Raises:
            NotSent: the connection is closed or the far side is leaving.
            BadArguments: the arguments are over the limit of a frame.
        """
        call_id = self._new_id()
        reply = Reply(self, call_id, method, decode, self.loop.create_future())
        self._send_call(call_id, number, body, deadline, context)
        self._pending[call_id] = reply
        if deadline is not None:
            self._sweep.add(reply, deadline)
        return reply

    def stream(
        self,
        number: int,
        method: str,
        body: bytes,
        decode: Decode,
        deadline: float | None,
        context: CallContext | None,
        idle: float | None,
    ) -> Items:
        """Like ``call``, for a method that streams."""
        call_id = self._new_id()
        items = Items(self, call_id, method, decode, idle)
        self._send_call(call_id, number, body, deadline, context)
        self._pending[call_id] = items
        if deadline is not None:
            self._sweep.add(items, deadline)
        return items

    def _send_call(
        self, call_id: int, number: int, body: bytes, deadline: float | None, context: CallContext | None
    ) -> None:
        if self.closed:
            raise NotSent(f"the connection to {self.endpoint} is closed")
        if self.leaving:
            raise Draining(f"{self.peer.name or self.endpoint} is leaving; the call was not sent")
        if deadline is None:
            remaining = NO_DEADLINE
        else:
            remaining = int((deadline - self.loop.time()) * 1000 + 0.999)
            if remaining <= 0:
                raise DeadlineExceeded("no time was left to send the call")
        flags = HAS_CONTEXT
        if context is not None:
            trace = context.trace or context.traced()
            flags |= context.priority << PRIORITY_SHIFT
            if context.retry:
                flags |= IS_RETRY
            if context.metadata:
                flags |= HAS_METADATA
                body = metadata_block(dict(context.metadata)) + body
        else:
            trace = new_trace()
        if len(body) + CONTEXT_SIZE > MAX_BODY:
            raise BadArguments(f"the arguments take {len(body)} bytes, over the limit of {MAX_BODY}; send a reference")
        self.send(
            _pack_call(len(body) + CONTEXT_SIZE, call_id, number, CALL, flags, remaining, trace, new_span()) + body
        )

    def abandon(self, reply: Reply) -> None:
        """The caller does not wait any more: cancel the far side."""
        self._sweep.entries.pop(reply, None)
        self.forget(reply.call_id, cancel=True)

    def forget(self, call_id: int, cancel: bool) -> None:
        entry = self._pending.pop(call_id, None)
        if entry is not None:
            self._sweep.entries.pop(entry, None)
            if cancel and not self.closed:
                self.send(frame(CANCEL, call_id))
            self.close_when_answered()

    def grant(self, call_id: int, items: int) -> None:
        if call_id in self._pending and not self.closed:
            self.send(frame(CREDIT, call_id, items))

    async def ping(self, timeout: float) -> bool:
        """Whether the far side's loop answers within ``timeout`` seconds."""
        if self.closed:
            return False
        call_id = self._new_id()
        pong = self._pings[call_id] = self.loop.create_future()
        self.send(frame(PING, call_id))
        try:
            async with asyncio.timeout(timeout):
                await pong
            return True
        except TimeoutError:
            return False
        finally:
            self._pings.pop(call_id, None)

    # -- answers -------------------------------------------------------------------------------------------------------

    def on_frame(self, kind: int, call_id: int, code: int, flags: int, body: memoryview) -> None:
        if kind == REPLY:
            entry = self._pending.pop(call_id, None)
            if entry is not None:  # else its caller has given up
                self._deadlines.pop(entry, None)
                entry.on_value(body)
                if self.leaving:
                    self.close_when_answered()
        elif kind == ITEM:
            entry = self._pending.get(call_id)
            if entry is not None:
                entry.on_value(body)
        elif kind == ERROR and call_id == 0:  # no call has this id: the far side gives up on the connection
            self.close(decode_error(code, body))
        elif kind in (END, ERROR):
            entry = self._pending.pop(call_id, None)
            if entry is not None:
                self._sweep.entries.pop(entry, None)
                if kind == ERROR:
                    entry.on_error(decode_error(code, body))
                else:
                    entry.on_end()
                if self.leaving:
                    self.close_when_answered()
        else:
            self._on_goaway(body)

    def _on_goaway(self, body: memoryview) -> None:
        try:
            notice = _decode_goaway(body)
        except msgspec.MsgspecError as broken:
            raise ProtocolError(f"a goaway frame cannot be read: {broken}") from broken
        self.leaving = True
        for call_id in [pending for pending in self._pending if pending > notice.last_call]:
            entry = self._pending.pop(call_id)
            self._sweep.entries.pop(entry, None)
            entry.on_error(Draining(f"{self.peer.name or self.endpoint} is leaving; the call was not started"))
        self.close_when_answered()

    def close_when_answered(self) -> None:
        if self.leaving and not self._pending:
            self.close()

    def on_pong(self, call_id: int) -> None:
        pong = self._pings.get(call_id)
        if pong is not None and not pong.done():
            pong.set_result(None)

    def on_lost(self, error: HomeportError | None) -> None:
        pending, self._pending = self._pending, {}
        why = f": {error}" if error else ""
        for entry in pending.values():
            self._sweep.entries.pop(entry, None)
            if isinstance(error, (ProtocolError, NotAllowed)):
                entry.on_error(error)
            elif isinstance(entry, Items):
                entry.on_error(ConnectionLost(f"the connection to {self.endpoint} was lost during {entry.method}{why}"))
            else:
                entry.on_error(
                    ConnectionLost(f"the connection to {self.endpoint} was lost before {entry.method} answered{why}")
                )


async def connect(endpoint: Endpoint, *, name: str, token: str = "", timeout: float = CONNECT_TIMEOUT) -> ClientLink:
    """Open a connection to ``unix:/path`` or ``tcp://host:port``.

    Raises:
        NotSent: nobody answers there.
    """
    from homeport import __version__

    link = ClientLink(asyncio.get_running_loop(), endpoint, Hello(name=name, version=__version__, token=token))
    try:
        async with asyncio.timeout(timeout):
            while True:
                try:
                    await open_link(endpoint, link)
                    break
                except BlockingIOError:  # a Unix socket whose queue of connections is full for the moment
                    await asyncio.sleep(0.005)
    except TimeoutError:
        raise NotSent(f"{endpoint} did not accept a connection within {timeout:g} s") from None
    except (OSError, ValueError) as error:
        raise NotSent(f"cannot connect to {endpoint}: {error}") from error
    return link
