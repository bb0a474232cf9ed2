"""Blocking sockets for the threads of a simulated process."""

from __future__ import annotations

import socket as real
from typing import Any

from homeport.testing.simulate.sockets import Socket
from homeport.testing.simulate.threads import Waiters, here


class SimSocket:
    """Stands for ``socket.socket``; only streams, and only from a simulated thread."""

    def __init__(self, family: int = real.AF_INET, kind: int = real.SOCK_STREAM, *rest: Any) -> None:
        self._timeout: float | None = None
        self._socket: Socket | None = None
        self._stirred = Waiters()

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def connect(self, address: Any) -> None:
        world = here()
        process = world.current
        assert process is not None
        name = f"unix:{address}" if isinstance(address, str) else f"tcp://{address[0]}:{address[1]}"
        outcome: list[Any] = []

        def answer(result: Any) -> None:
            outcome.append(result)
            self._stirred.happened()

        attempt = process.loop.network.request(process, name, answer)
        if not outcome and not self._stirred.wait(self._timeout):
            attempt.give_up()
            raise TimeoutError("timed out")
        if isinstance(outcome[0], OSError):
            raise outcome[0]
        self._socket = outcome[0]
        self._socket.on_readable = self._socket.on_writable = self._stirred.happened

    def sendall(self, data: bytes) -> None:
        socket = self._connected()
        until = None if self._timeout is None else here().moment() + self._timeout
        while data:
            data = data[socket.send(data) :]
            if data:
                self._wait(until)

    def recv(self, count: int, flags: int = 0) -> bytes:
        socket = self._connected()
        until = None if self._timeout is None else here().moment() + self._timeout
        while not socket.inbox:
            if socket.broken:
                raise ConnectionResetError(104, "Connection reset by peer")
            if socket.ended:
                return b""
            self._wait(until)
        return socket.receive(count)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _wait(self, until: float | None) -> None:
        left = None if until is None else until - here().moment()
        if (left is not None and left <= 0) or not self._stirred.wait(left):
            raise TimeoutError("timed out")

    def _connected(self) -> Socket:
        if self._socket is None:
            raise OSError(107, "Transport endpoint is not connected")
        return self._socket


class SimSockets:
    """Stands for the module ``socket``."""

    socket = SimSocket

    @staticmethod
    def create_connection(address: tuple[str, int], timeout: float | None = None) -> SimSocket:
        connection = SimSocket()
        connection.settimeout(timeout)
        connection.connect(address)
        return connection

    def __getattr__(self, name: str) -> Any:
        return getattr(real, name)
