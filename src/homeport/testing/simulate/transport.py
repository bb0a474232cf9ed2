"""What a simulated loop gives to protocols: transports and servers over simulated sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from homeport.testing.simulate.network import Listener
from homeport.testing.simulate.sockets import Socket

if TYPE_CHECKING:
    from homeport.testing.simulate.loop import SimLoop

HIGH, LOW = 64 * 1024, 16 * 1024  # bytes in the transport's own buffer, as asyncio has it
_READ = 256 * 1024


class SimTransport(asyncio.Transport):
    """A stream connection of one simulated process, under asyncio's rules."""

    def __init__(self, loop: SimLoop, socket: Socket, protocol: Any) -> None:
        super().__init__({"peername": socket.label, "socket": None})
        self._loop, self._socket, self._protocol = loop, socket, protocol
        self._buffer = bytearray()
        self._closing = self._lost = False
        self._reading = True
        self._read_scheduled = self._write_scheduled = False
        self._writing_paused = False
        self._high, self._low = HIGH, LOW
        self._made()

    def _made(self) -> None:
        self._protocol.connection_made(self)
        self._socket.on_readable = self._schedule_read
        self._socket.on_writable = self._schedule_write
        if self._socket.inbox or self._socket.ended:
            self._schedule_read()

    # -- reading -------------------------------------------------------------------------------------------------------

    def _schedule_read(self) -> None:
        if not self._read_scheduled and self._reading and not self._lost:
            self._read_scheduled = True
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        self._read_scheduled = False
        if self._lost or not self._reading or self._closing:
            if self._closing and self._socket.broken:
                self._lose(ConnectionResetError(104, "Connection reset by peer"))
            return
        if self._socket.inbox:
            if isinstance(self._protocol, asyncio.BufferedProtocol):
                buffer = memoryview(self._protocol.get_buffer(-1))
                data = self._socket.receive(len(buffer))
                buffer[: len(data)] = data
                self._protocol.buffer_updated(len(data))
            else:
                self._protocol.data_received(self._socket.receive(_READ))
            if self._socket.inbox or self._socket.ended:
                self._schedule_read()
        elif self._socket.broken:
            self._lose(ConnectionResetError(104, "Connection reset by peer"))
        elif self._socket.ended and not self._protocol.eof_received():
            self.close()

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        if self._socket.inbox or self._socket.ended:
            self._schedule_read()

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    # -- writing -------------------------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        if self._closing or self._lost:
            return
        self._buffer += data
        self._write()
        if len(self._buffer) > self._high and not self._writing_paused:
            self._writing_paused = True
            self._protocol.pause_writing()

    def _schedule_write(self) -> None:
        if not self._write_scheduled and not self._lost and (self._buffer or self._socket.broken):
            self._write_scheduled = True
            self._loop.call_soon(self._write_ready)

    def _write_ready(self) -> None:
        self._write_scheduled = False
        if not self._lost:
            self._write()

    def _write(self) -> None:
        try:
            sent = self._socket.send(bytes(self._buffer))
        except ConnectionResetError as error:
            self._loop.call_soon(self._lose, error)
            return
        del self._buffer[:sent]
        if self._writing_paused and len(self._buffer) <= self._low:
            self._writing_paused = False
            self._protocol.resume_writing()
        if self._closing and not self._buffer:
            self._loop.call_soon(self._lose, None)

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = HIGH if high is None else high
        self._low = self._high // 4 if low is None else low

    def can_write_eof(self) -> bool:
        return False

    # -- the end -------------------------------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if not self._buffer:
                self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        self._closing = True
        self._buffer.clear()
        self._loop.call_soon(self._lose, None)

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = self._closing = True
            self._socket.close()
            self._protocol.connection_lost(error)

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol


class SimServer(asyncio.AbstractServer):
    """Accepts what comes to a listener, whenever its process has a turn."""

    def __init__(self, loop: SimLoop, listener: Listener, protocol_factory: Any) -> None:
        self._loop, self._listener, self._factory = loop, listener, protocol_factory
        self._scheduled = False
        listener.on_connection = self._schedule

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._accept)

    def _accept(self) -> None:
        self._scheduled = False
        backlog, self._listener.backlog = self._listener.backlog, []
        for socket in backlog:
            SimTransport(self._loop, socket, self._factory())

    def close(self) -> None:
        self._listener.close()

    def is_serving(self) -> bool:
        return self._listener.open

    async def start_serving(self) -> None:
        """It does from the start."""

    async def serve_forever(self) -> None:
        await self._loop.create_future()

    def close_clients(self) -> None:
        """They close by themselves."""

    def abort_clients(self) -> None:
        """They close by themselves."""

    async def wait_closed(self) -> None:
        """Closing takes no time."""

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop
