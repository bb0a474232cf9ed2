from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import homeport.asgi
from homeport.errors import DefinitionError, NoNode, UsageError
from homeport.worker.asgi import AsgiServer

opened: list[str] = []


@asynccontextmanager
async def fake_connect(node: str | None, *, name: str) -> AsyncIterator[str]:
    opened.append(name)
    try:
        yield f"client of {name}"
    finally:
        opened.remove(name)


@pytest.fixture(autouse=True)
def no_node(monkeypatch: pytest.MonkeyPatch) -> None:
    opened.clear()
    monkeypatch.setattr(homeport.asgi, "connect", fake_connect)


async def show(request: Request) -> PlainTextResponse:
    own = getattr(request.state, "own", "")
    return PlainTextResponse(f"{request.state.homeport}, {homeport.asgi.client()}, {own}")


@asynccontextmanager
async def running(lifespan: Any, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app that is served with this lifespan."""
    app = Starlette(routes=[Route("/", show)], lifespan=lifespan)
    server = AsgiServer(app, "orders", str(folder / "orders.sock"))
    await server.start()
    transport = httpx.AsyncHTTPTransport(uds=str(folder / "orders.sock"))
    async with httpx.AsyncClient(transport=transport, base_url="http://orders") as http:
        yield http
    await server.stop(0.1)


async def test_the_client_lives_as_long_as_the_app(tmp_path: Path) -> None:
    async with running(homeport.asgi.lifespan(name="orders"), tmp_path) as http:
        assert opened == ["orders"]
        assert (await http.get("/")).text == "client of orders, client of orders, "
    assert opened == []


async def test_the_apps_own_lifespan_runs_inside_and_keeps_what_it_yields(tmp_path: Path) -> None:
    @asynccontextmanager
    async def own(app: Any) -> AsyncIterator[dict[str, str]]:
        yield {"own": f"seen {homeport.asgi.client()}"}

    async with running(homeport.asgi.lifespan(own), tmp_path) as http:
        assert (await http.get("/")).text == "client of app, client of app, seen client of app"


async def test_a_lifespan_that_yields_nothing_is_composed_too(tmp_path: Path) -> None:
    @asynccontextmanager
    async def own(app: Any) -> AsyncIterator[None]:
        yield

    async with running(homeport.asgi.lifespan(own), tmp_path) as http:
        assert (await http.get("/")).status_code == 200


async def test_an_app_whose_own_lifespan_fails_leaves_no_client_open(tmp_path: Path) -> None:
    @asynccontextmanager
    async def own(app: Any) -> AsyncIterator[None]:
        raise RuntimeError("no database")
        yield

    with pytest.raises(DefinitionError, match="no database"):
        async with running(homeport.asgi.lifespan(own), tmp_path):
            pass
    assert opened == []


async def test_without_an_app_there_is_no_client() -> None:
    with pytest.raises(UsageError, match=r"give the app lifespan=homeport.asgi.lifespan\(\)"):
        homeport.asgi.client()


def test_off_the_loop_the_sync_client_is_named() -> None:
    with pytest.raises(UsageError, match="connect_sync"):
        homeport.asgi.client()


async def test_without_a_node_the_app_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def none(node: str | None, *, name: str) -> AsyncIterator[str]:
        raise NoNode("no node is running; start one with `homeport run TARGET`")
        yield ""

    monkeypatch.setattr(homeport.asgi, "connect", none)
    with pytest.raises(DefinitionError, match="no node is running; start one"):
        async with running(homeport.asgi.lifespan(), tmp_path):
            pass


async def test_each_loop_has_its_own_client() -> None:
    async with homeport.asgi.lifespan(name="here")(None):
        assert str(homeport.asgi.client()) == "client of here"
        with pytest.raises(UsageError):
            await asyncio.to_thread(asyncio.run, ask_elsewhere())


async def ask_elsewhere() -> None:
    homeport.asgi.client()
