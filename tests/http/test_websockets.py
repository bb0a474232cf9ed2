"""A WebSocket through the front to an app, both served for real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from homeport.http.api import FrontSpec
from homeport.http.listener import listener_of
from homeport.http.server import served
from homeport.worker.asgi import AsgiServer
from tests.http.fakes import World

connect: Any = pytest.importorskip("websockets.asyncio.client", reason="needs the library websockets").connect
ConnectionClosed: Any = pytest.importorskip("websockets.exceptions").ConnectionClosed
InvalidStatus: Any = pytest.importorskip("websockets.exceptions").InvalidStatus

closed: list[int] = []


async def echo(socket: WebSocket) -> None:
    await socket.accept(subprotocol="chat" if "chat" in socket.scope["subprotocols"] else None)
    await socket.send_text(f"{socket.url.path} {socket.headers['x-forwarded-prefix']}")
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            if message.get("text") == "leave":
                await socket.close(4001, "as you wish")
                return
            if message.get("text") is not None:
                await socket.send_text(message["text"].upper())
            else:
                await socket.send_bytes(message["bytes"][::-1])
    except WebSocketDisconnect as gone:
        closed.append(gone.code)


async def refuse(socket: WebSocket) -> None:
    await socket.close()


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    closed.clear()
    app = Starlette(routes=[WebSocketRoute("/echo", echo), WebSocketRoute("/refuse", refuse)])
    server = AsgiServer(app, "chat", str(tmp_path / "chat.sock"))
    await server.start()
    world = World()
    world.balancer.endpoints = {"chat": [server.endpoint], "gone": [f"http+unix:{tmp_path}/gone.sock"]}
    listener = listener_of(FrontSpec(node="", port=0))
    async with served(world.front, listener, grace=1, drain=world.front.drain):
        yield f"ws://localhost:{listener.getsockname()[1]}"
    await server.stop(0.1)


async def test_messages_of_both_kinds_go_both_ways(url: str) -> None:
    async with connect(f"{url}/apps/chat/echo", subprotocols=["chat"], proxy=None) as socket:
        assert socket.subprotocol == "chat"
        assert await socket.recv() == "/apps/chat/echo /apps/chat"
        await socket.send("hello")
        assert await socket.recv() == "HELLO"
        await socket.send(b"abc")
        assert await socket.recv() == b"cba"


async def test_the_app_closes_the_browsers_side_with_its_own_code(url: str) -> None:
    async with connect(f"{url}/apps/chat/echo", proxy=None) as socket:
        await socket.recv()
        await socket.send("leave")
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "as you wish")


async def test_the_browser_closes_the_apps_side_with_its_own_code(url: str) -> None:
    async with connect(f"{url}/apps/chat/echo", proxy=None) as socket:
        await socket.recv()
        await socket.close(4002)
    for _ in range(200):
        if closed:
            break
        await asyncio.sleep(0.005)
    assert closed == [4002]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/apps/chat/echo", {"Origin": "https://evil.example"}, 403),
        ("/apps/chat/refuse", {}, 403),
        ("/apps/nobody/echo", {}, 503),
        ("/apps/gone/echo", {}, 503),
        ("/api/v1/watch", {}, 404),
    ],
)
async def test_a_websocket_that_cannot_be_opened_is_answered_with_why(
    url: str, path: str, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"{url}{path}", additional_headers=headers, proxy=None)
    assert caught.value.response.status_code == status


async def test_without_the_library_an_upgrade_is_answered_with_how_to_get_it() -> None:
    answer = await World().ask("GET", "/apps/chat/echo", headers={"upgrade": "websocket", "connection": "upgrade"})
    assert (answer.status, answer.json["code"]) == (501, "no_websockets")
    assert "homeport[websockets]" in answer.json["next"]
