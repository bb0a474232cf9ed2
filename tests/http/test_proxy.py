"""A proxied app, served for real on a Unix socket as a worker serves it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, StreamingResponse
from starlette.routing import Route

from homeport.contracts.api import Contract
from homeport.errors import DefinitionError
from homeport.http.api import FrontSpec
from homeport.http.listener import listener_of
from homeport.http.server import served
from homeport.worker.asgi import AsgiServer
from tests.http.contracts import PAYMENTS
from tests.http.fakes import World, instance

LEFT: list[str] = []


async def echo(request: Request) -> JSONResponse:
    body = await request.body()
    return JSONResponse(
        {
            "path": request.scope["path"],
            "raw_path": request.scope["raw_path"].decode(),
            "query": request.url.query,
            "root_path": request.scope["root_path"],
            "method": request.method,
            "headers": {name: value for name, value in request.headers.items() if name != "user-agent"},
            "scheme": request.url.scheme,
            "url": str(request.url_for("echo")),
            "body": body.decode("latin-1"),
        },
        headers={"x-own": "kept", "connection": "x-secret", "x-secret": "dropped"},
    )


async def redirect(request: Request) -> RedirectResponse:
    return RedirectResponse(request.url_for("echo"))


async def endless(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            LEFT.append("endless")

    return StreamingResponse(parts())


async def slow(request: Request) -> JSONResponse:
    await asyncio.Event().wait()
    return JSONResponse({})


async def broken(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError("half way")

    return StreamingResponse(parts())


def app() -> Starlette:
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
    return Starlette(
        routes=[
            Route("/redirect", redirect),
            Route("/endless", endless),
            Route("/slow", slow),
            Route("/broken", broken),
            Route("/{path:path}", echo, methods=methods, name="echo_any"),
            Route("/", echo, methods=methods, name="echo"),
        ]
    )


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[AsgiServer]:
    server = AsgiServer(app(), "shop", str(tmp_path / "shop.sock"))
    await server.start()
    yield server
    await server.stop(0.2)


@pytest.fixture
async def world(shop: AsgiServer) -> AsyncIterator[World]:
    world = World()
    world.balancer.endpoints["shop"] = [shop.endpoint]
    yield world
    await world.calls.close()


async def test_the_app_finds_itself_under_its_prefix(world: World) -> None:
    answer = await world.ask("GET", "/apps/shop/a/b%20c?x=1&y=%20")
    seen = answer.json
    assert (seen["root_path"], seen["path"]) == ("/apps/shop", "/apps/shop/a/b c")
    assert seen["raw_path"] == "/apps/shop/a/b%20c"
    assert seen["query"] == "x=1&y=%20"
    assert answer.headers["x-own"] == "kept"


async def test_it_makes_links_as_the_client_sees_them(world: World) -> None:
    seen = (await world.ask("GET", "/apps/shop/", headers={"host": "localhost:7070"})).json
    assert seen["url"] == "http://localhost:7070/apps/shop/"
    answer = await world.ask("GET", "/apps/shop/redirect")
    assert (answer.status, answer.headers["location"]) == (307, "http://localhost:7070/apps/shop/")


async def test_where_a_request_came_from_is_told_anew_not_believed(world: World) -> None:
    forged = {"x-forwarded-for": "6.6.6.6", "x-forwarded-host": "evil", "forwarded": "for=6.6.6.6", "x-own": "kept"}
    headers = (await world.ask("GET", "/apps/shop/", headers=forged)).json["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-host"] == "localhost:7070"
    assert headers["x-forwarded-prefix"] == "/apps/shop"
    assert "forwarded" not in headers
    assert headers["x-own"] == "kept"


async def test_headers_of_one_connection_stay_there(world: World) -> None:
    sent = {"connection": "close, x-private", "x-private": "1", "te": "trailers", "keep-alive": "5"}
    answer = await world.ask("GET", "/apps/shop/", headers=sent)
    assert answer.json["headers"].keys().isdisjoint({"x-private", "te", "keep-alive"})
    assert "x-secret" not in answer.headers


async def test_nothing_is_compressed_that_the_client_did_not_ask_for(world: World) -> None:
    assert (await world.ask("GET", "/apps/shop/")).json["headers"]["accept-encoding"] == "identity"


async def test_bodies_go_through_with_any_type_and_method(world: World) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        sent = {"content-type": "text/plain"}
        seen = (await world.ask(method, "/apps/shop/form", b"a=1&b=\xff", sent)).json
        assert (seen["method"], seen["body"]) == (method, "a=1&b=\xff")


async def test_the_trace_goes_on_into_the_app(world: World) -> None:
    seen = (await world.ask("GET", "/apps/shop/", headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"})).json
    assert seen["headers"]["traceparent"].split("-")[1] == "ab" * 16


async def test_an_app_is_found_without_its_last_slash(world: World) -> None:
    answer = await world.ask("GET", "/apps/shop")
    assert (answer.status, answer.headers["location"]) == (308, "/apps/shop/")


async def test_an_answer_streams_and_leaving_it_ends_it_in_the_app(world: World) -> None:
    LEFT.clear()
    conversation = world.open("GET", "/apps/shop/endless")
    assert await conversation.begin() == 200
    assert await conversation.part() == b"first"
    conversation.leave()
    await conversation.task
    for _ in range(200):
        if LEFT:
            break
        await asyncio.sleep(0.005)
    assert LEFT == ["endless"]


async def test_an_instance_that_cannot_be_reached_is_passed_over(world: World, tmp_path: Path) -> None:
    world.balancer.endpoints["shop"].insert(0, f"http+unix:{tmp_path}/nobody.sock")
    assert (await world.ask("POST", "/apps/shop/", b"once")).json["body"] == "once"
    assert [loan.failed for loan in world.balancer.loans] == [None, False]


async def test_nobody_to_reach_is_a_problem(world: World, tmp_path: Path) -> None:
    world.balancer.endpoints["shop"] = [f"http+unix:{tmp_path}/nobody.sock"]
    answer = await world.ask("GET", "/apps/shop/")
    assert (answer.status, answer.json["code"]) == (503, "not_sent")
    answer = await world.ask("GET", "/apps/other/")
    assert (answer.status, answer.json["next"]) == (503, "homeport why other")


async def test_an_app_that_does_not_answer_in_time_is_a_problem(world: World) -> None:
    answer = await world.ask("GET", "/apps/shop/slow", headers={"homeport-timeout": "50ms"})
    assert (answer.status, answer.json["code"]) == (504, "deadline_exceeded")


async def test_an_answer_that_breaks_half_way_does_not_look_whole(world: World) -> None:
    conversation = world.open("GET", "/apps/shop/broken")
    assert await conversation.begin() == 200
    with pytest.raises(Exception, match="the connection broke"):
        while await conversation.part() is not None:
            pass


async def test_on_an_open_bind_only_public_apps_are_passed_on(shop: AsgiServer) -> None:
    world = World(public_only=True, token="s3cret")
    world.balancer.endpoints["shop"] = [shop.endpoint]
    bearer = {"authorization": "Bearer s3cret"}
    world.registry.add(instance("shop-1", "shop"))
    world.know()
    assert (await world.ask("GET", "/apps/shop/", headers=bearer)).status == 403
    world.registry.add(
        instance("shop-1", "shop"), Contract(service="shop", public=True, asgi=True, fingerprint="c" * 16)
    )
    world.know()
    assert (await world.ask("GET", "/apps/shop/", headers=bearer)).status == 200
    await world.calls.close()


# -- the server inside a worker ----------------------------------------------------------------------------------------


async def test_only_this_user_may_open_the_apps_socket(shop: AsgiServer) -> None:
    path = Path(shop.endpoint.removeprefix("http+unix:"))
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_socket_left_behind_is_replaced_and_one_that_ends_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "shop.sock"
    path.touch()
    server = AsgiServer(app(), "shop", str(path))
    await server.start()
    await server.stop(0.1)
    assert not path.exists()
    await server.stop(0.1)


async def test_the_apps_lifespan_runs_around_its_requests(tmp_path: Path) -> None:
    told: list[str] = []

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        for event in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{event}"
            told.append(event)
            await send({"type": f"lifespan.{event}.complete"})

    server = AsgiServer(lifespan, "shop", str(tmp_path / "shop.sock"))
    await server.start()
    assert told == ["startup"]
    await server.stop(0.1)
    assert told == ["startup", "shutdown"]


async def test_an_app_whose_startup_fails_says_why(tmp_path: Path) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    server = AsgiServer(failing, "shop", str(tmp_path / "shop.sock"))
    with pytest.raises(DefinitionError, match="the app 'shop' failed in its startup: no database"):
        await server.start()
    assert not (tmp_path / "shop.sock").exists()


async def test_an_app_without_lifespan_is_ready_at_once(tmp_path: Path) -> None:
    async def plain(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise ValueError("only http here")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    server = AsgiServer(plain, "shop", str(tmp_path / "shop.sock"))
    await server.start()
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(tmp_path / "shop.sock"))) as client:
        assert (await client.get("http://app/")).status_code == 204
    await server.stop(0.1)


async def test_what_is_no_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="an ASGI app is callable, but this is a str"):
        await AsgiServer("shop:app", "shop", str(tmp_path / "shop.sock")).start()


# -- the front's own server --------------------------------------------------------------------------------------------


async def test_requests_in_flight_finish_when_the_front_stops() -> None:
    world = World()
    release, begun = asyncio.Event(), asyncio.Event()

    async def process(body: bytes) -> str:
        begun.set()
        await release.wait()
        return "done"

    world.serve(PAYMENTS, process=process)
    listener = listener_of(FrontSpec(node="", port=0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient() as client:
        async with served(world.front, listener, grace=5, drain=world.front.drain):
            call = asyncio.create_task(client.post(f"{url}/api/v1/call/payments/process", json=[]))
            await begun.wait()
            asyncio.get_running_loop().call_later(0.05, release.set)
        answer = await call
    assert answer.json() == "done"
    assert "date" in answer.headers
    assert "server" not in answer.headers
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0
