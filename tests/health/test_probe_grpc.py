"""gRPC health checks against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from homeport.health import probe_grpc
from homeport.health.checks import Failed, Passed, Result
from homeport.health.probes import Probes
from homeport.health.targets import target_of
from homeport.model import Check
from tests.health.test_probes import closed_port

grpc = pytest.importorskip("grpc.aio", reason="grpcio is not installed: pip install 'homeport[grpc]'")

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


@asynccontextmanager
async def health_server(statuses: dict[str, bytes], method: str = "Check") -> AsyncIterator[int]:
    """A server that answers the health protocol from a table of service → encoded response."""
    import grpc as core

    async def check(request: bytes, context: Any) -> bytes:
        service = request[2:].decode()
        if service not in statuses:
            await context.abort(core.StatusCode.NOT_FOUND, "unknown service")
        if statuses[service] == b"hang":
            await asyncio.sleep(60)
        return statuses[service]

    handlers = {method: core.unary_unary_rpc_method_handler(check)}
    server = grpc.server()
    server.add_generic_rpc_handlers((core.method_handlers_generic_handler("grpc.health.v1.Health", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def look(target: str, timeout: float = 5.0) -> Result:
    async with Probes.open() as probes:
        return await probes.look(target_of(Check(kind="grpc", target=target), ()), timeout)


async def test_it_passes_when_the_server_or_the_service_is_serving() -> None:
    async with health_server({"": SERVING, "shop.Cart": SERVING}) as port:
        assert await look(f"127.0.0.1:{port}") == Passed(f"gRPC 127.0.0.1:{port} is serving")
        assert await look(f"localhost:{port}/shop.Cart") == Passed(f"gRPC localhost:{port}/shop.Cart is serving")


@pytest.mark.parametrize(
    ("service", "answer", "reason"),
    [
        ("sad", NOT_SERVING, "says NOT_SERVING"),
        ("odd", b"", "says UNKNOWN"),
        ("new", b"\x08\x63", "says 99"),
        ("gone", None, "the server knows no service 'gone'"),
    ],
)
async def test_it_fails_with_what_the_server_says(service: str, answer: bytes | None, reason: str) -> None:
    async with health_server({service: answer} if answer is not None else {}) as port:
        result = await look(f"127.0.0.1:{port}/{service}")
    assert isinstance(result, Failed)
    assert reason in result.reason
    assert not result.refused


async def test_a_server_without_the_protocol_is_told_apart() -> None:
    async with health_server({"": SERVING}, method="Other") as port:
        result = await look(f"127.0.0.1:{port}")
    assert isinstance(result, Failed)
    assert "does not have the health protocol; use a tcp check" in result.reason


async def test_nobody_there_and_nobody_in_time() -> None:
    result = await look(f"127.0.0.1:{closed_port()}")
    assert isinstance(result, Failed)
    assert result.refused
    async with health_server({"": b"hang"}) as port:
        result = await look(f"127.0.0.1:{port}", timeout=0.2)
    assert isinstance(result, Failed)
    assert not result.refused


async def test_without_grpcio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_grpc, "find_spec", lambda _: None)
    result = await look("127.0.0.1:1")
    assert result == Failed("gRPC checks need grpcio on the node: pip install 'homeport[grpc]'")


def test_the_wire_is_that_of_protocol_buffers() -> None:
    assert probe_grpc._request("") == b""
    assert probe_grpc._request("a" * 200) == b"\x0a\xc8\x01" + b"a" * 200
    assert probe_grpc._status(b"\x12\x02hi\x08\x01\x1d\x00\x00\x00\x00") == 1  # fields of later versions
    for broken in (b"\x08", b"\xff" * 20, b"\x0b"):
        with pytest.raises(ValueError, match="health check"):
            probe_grpc._status(broken)
