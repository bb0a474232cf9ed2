"""Peers that are hostile, mistaken or of another version: each ends its own connection, with its reason said."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.contracts import plain
from homeport.errors import ConnectionLost, HomeportError, NotAllowed, NotSent, ProtocolError, UnknownService
from homeport.rpc.client import connect
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
    pack_header,
    unpack_header,
)
from homeport.rpc.server import RpcServer, serve
from homeport.rpc.status import decode_error
from tests.rpc.conftest import world
from tests.rpc.shop import Bank

SLEEP = Bind(service="bank", method="sleep", instance="bank-1")
GREETING = frame(HELLO, body=msgspec.msgpack.encode(Hello(name="raw")))


class Raw:
    """A peer that speaks bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def receive(self) -> tuple[int, int, int, bytes]:
        length, call_id, code, kind, _ = unpack_header(await self.reader.readexactly(HEADER_SIZE))
        return kind, call_id, code, await self.reader.readexactly(length)

    async def refusal(self) -> HomeportError:
        """Why the server ends the connection; it must end it."""
        kind = HELLO
        while kind != ERROR:
            kind, call_id, code, body = await self.receive()
        assert call_id == 0
        assert await self.reader.read() == b""
        return decode_error(code, memoryview(body))


@asynccontextmanager
async def raw(folder: Path) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_unix_connection(str(folder / "s.sock"))
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


async def test_a_call_by_hand_is_answered(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Bank), raw(tmp_path) as peer:
        peer.send(
            GREETING, frame(BIND, code=1, body=msgspec.msgpack.encode(SLEEP)), frame(CALL, 7, 1, plain.encode([0]))
        )
        assert (await peer.receive())[0] == HELLO
        assert await peer.receive() == (REPLY, 7, 0, plain.encode("slept"))


async def test_a_ping_is_answered(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Bank), raw(tmp_path) as peer:
        peer.send(GREETING, frame(PING, 5))
        await peer.receive()
        assert await peer.receive() == (PONG, 5, 0, b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame(PING), "first frame is not a hello"),
        (frame(HELLO, body=b"\xc1nonsense"), "hello cannot be read"),
        (GREETING + GREETING, "said hello twice"),
        (GREETING + pack_header(MAX_BODY + 1, 1, 1, CALL, 0), "is over the limit of 16777216"),
        (GREETING + frame(99), "unknown frame type 99"),
        (GREETING + frame(REPLY, 1), "not for this end"),
        (GREETING + frame(CALL, 1, 3), "never bound"),
        (GREETING + frame(BIND, code=1, body=b"\xc1"), "bind frame cannot be read"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "over the limit"),
    ],
)
async def test_what_breaks_the_protocol_ends_that_connection_with_its_reason(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    async with world("remote", tmp_path, Bank) as w:
        running = asyncio.create_task(w.get(Bank).sleep(0.05))
        async with raw(tmp_path) as peer:
            peer.send(data)
            error = await peer.refusal()
            assert isinstance(error, ProtocolError)
            assert reason in str(error)
        assert await running == "slept"  # another connection is not harmed


async def test_another_protocol_version_is_named_with_who_must_upgrade(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Bank), raw(tmp_path) as peer:
        newer = Hello(protocol=PROTOCOL_VERSION + 1, name="worker of tomorrow", version="9.9")
        peer.send(frame(HELLO, body=msgspec.msgpack.encode(newer)))
        assert "protocol 2 of worker of tomorrow (homeport 9.9)" in str(await peer.refusal())


async def test_a_client_of_another_version_says_so_too(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(HELLO, body=msgspec.msgpack.encode(Hello(protocol=0, name="old node"))))
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(answer, str(tmp_path / "s.sock"))
    link = await connect(f"unix:{tmp_path}/s.sock", name="test")
    reply = link.call(link.number(SLEEP), "bank.sleep", plain.encode([0]), bytes, None, None)
    with pytest.raises(ProtocolError, match="upgrade the peer"):
        await reply.future
    server.close()


async def test_a_wrong_token_is_refused_and_the_caller_told(tmp_path: Path) -> None:
    class Nothing:
        def bind(self, request: Bind) -> None:
            raise UnknownService(request.service)

    async with serve(f"unix:{tmp_path}/s.sock", Nothing(), name="node", token="secret"):  # type: ignore[arg-type]
        for token, expected in [("wrong", NotAllowed), ("", NotAllowed), ("secret", UnknownService)]:
            link = await connect(f"unix:{tmp_path}/s.sock", name="test", token=token)
            reply = link.call(link.number(SLEEP), "bank.sleep", b"\x90", bytes, None, None)
            with pytest.raises(expected) as caught:
                await reply.future
            assert "secret" not in str(caught.value)
            link.close()


async def test_tcp_beyond_loopback_needs_a_token(tmp_path: Path) -> None:
    server = RpcServer(None, name="node")  # type: ignore[arg-type]
    with pytest.raises(NotAllowed, match="without a token"):
        await server.listen("tcp://0.0.0.0:0")


async def test_a_socket_is_its_owners_alone(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Bank):
        assert stat.S_IMODE(os.stat(tmp_path / "s.sock").st_mode) == 0o600


async def test_nobody_listening_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(NotSent, match="cannot connect"):
        await connect(f"unix:{tmp_path}/none.sock", name="test")


async def test_call_ids_wrap_and_skip_those_in_use(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Bank):
        link = await connect(f"unix:{tmp_path}/s.sock", name="test")
        number = link.number(SLEEP)
        first = link.call(number, "bank.sleep", plain.encode([5]), plain.decode, None, None)
        link._next_id = 0xFFFFFFFF
        second = link.call(number, "bank.sleep", plain.encode([0]), plain.decode, None, None)
        assert (first.call_id, second.call_id) == (1, 2)
        assert await second.future == "slept"
        link.close()
        with pytest.raises(ConnectionLost):
            await first.future


async def test_a_burst_larger_than_any_buffer_arrives_whole(tmp_path: Path) -> None:
    async with world("remote", tmp_path, Bank) as w:
        from tests.rpc.test_conformance import PEN

        answers = await asyncio.gather(*(w.get(Bank).echo(PEN, 200) for _ in range(80)))
        assert all(len(answer) == 200 for answer in answers)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=64), max_size=6), st.booleans())
def test_no_bytes_at_all_break_the_server(tmp_path: Path, chunks: list[bytes], greet: bool) -> None:
    async def attack() -> None:
        async with world("remote", tmp_path, Bank) as w:
            async with raw(tmp_path) as peer:
                peer.send(GREETING if greet else b"", *chunks)
                peer.writer.write_eof()
                await peer.reader.read()
            assert await w.get(Bank).sleep(0) == "slept"

    asyncio.run(attack())
