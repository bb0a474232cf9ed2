"""A connection for threads that must not depend on an event loop, such as the heartbeat's."""

from __future__ import annotations

import socket
from typing import Any

import msgspec

from homeport.contracts import plain
from homeport.errors import ConnectionLost, DeadlineExceeded, NotSent, ProtocolError
from homeport.rpc.frames import (
    BIND,
    CALL,
    ERROR,
    HEADER_SIZE,
    HELLO,
    MAX_BODY,
    PING,
    PONG,
    PROTOCOL_VERSION,
    REPLY,
    Bind,
    Hello,
    frame,
    unpack_header,
)
from homeport.rpc.link import split_tcp
from homeport.rpc.status import decode_error


class BlockingLink:
    """Calls one method at a time over a socket of its own. ``timeout`` bounds each call, in seconds."""

    def __init__(self, endpoint: str, *, name: str, token: str = "", timeout: float = 2.0) -> None:
        self._endpoint = endpoint
        self._numbers: dict[Bind, int] = {}
        self._call_id = 0
        try:
            self._socket = _connected(endpoint, timeout)
        except OSError as error:
            raise NotSent(f"cannot connect to {endpoint}: {error}") from error
        self._socket.settimeout(timeout)
        self._send(frame(HELLO, body=msgspec.msgpack.encode(Hello(name=name, token=token))))
        kind, _, _, body = self._receive()
        if kind != HELLO:
            raise ProtocolError(f"{endpoint} did not say hello")
        peer = msgspec.msgpack.decode(body, type=Hello)
        if peer.protocol != PROTOCOL_VERSION:
            raise ProtocolError(f"{endpoint} speaks protocol {peer.protocol}, this side {PROTOCOL_VERSION}")

    def call(self, bind: Bind, *args: Any) -> Any:
        """The plain result of a call. Raises what the method raises, and ``Unavailable`` kinds."""
        number = self._numbers.get(bind)
        if number is None:
            number = self._numbers[bind] = len(self._numbers) + 1
            self._send(frame(BIND, code=number, body=msgspec.msgpack.encode(bind)))
        self._call_id += 1
        self._send(frame(CALL, self._call_id, number, plain.encode(args)))
        while True:
            kind, call_id, code, body = self._receive()
            if kind == PING:
                self._send(frame(PONG, call_id))
            elif call_id == self._call_id and kind == REPLY:
                return plain.decode(body)
            elif call_id == self._call_id and kind == ERROR:
                raise decode_error(code, memoryview(body))

    def close(self) -> None:
        self._socket.close()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise DeadlineExceeded(f"{self._endpoint} takes no more data") from error
        except OSError as error:
            raise ConnectionLost(f"the connection to {self._endpoint} was lost: {error}") from error

    def _receive(self) -> tuple[int, int, int, bytes]:
        length, call_id, code, kind, _ = unpack_header(self._exactly(HEADER_SIZE))
        if length > MAX_BODY:
            raise ProtocolError(f"a frame of {length} bytes from {self._endpoint} is over the limit")
        return kind, call_id, code, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self._socket.recv(count - len(data))
            except TimeoutError as error:
                raise DeadlineExceeded(f"{self._endpoint} did not answer in time") from error
            except OSError as error:
                raise ConnectionLost(f"the connection to {self._endpoint} was lost: {error}") from error
            if not part:
                raise ConnectionLost(f"{self._endpoint} closed the connection")
            data += part
        return bytes(data)


def _connected(endpoint: str, timeout: float) -> socket.socket:
    if endpoint.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        try:
            connection.connect(endpoint.removeprefix("unix:"))
        except OSError:
            connection.close()
            raise
        return connection
    return socket.create_connection(split_tcp(endpoint), timeout)
