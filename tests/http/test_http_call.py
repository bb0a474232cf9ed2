"""Requests to outside programs, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from homeport.errors import BadArguments, ConnectionLost, DeadlineExceeded, NotSent
from homeport.rpc import http_call
from homeport.rpc.context import CURRENT, CallContext
from homeport.rpc.http_call import HttpCalls
from homeport.worker.asgi import AsgiServer


async def echo(request: Request) -> JSONResponse:
    headers = dict(request.headers)
    return JSONResponse({"path": request.url.path, "query": request.url.query, "headers": headers})


async def login(request: Request) -> Response:
    return Response(headers={"set-cookie": "user=ann; Path=/"})


async def near(request: Request) -> RedirectResponse:
    return RedirectResponse(request.url_for("echo"))


async def far(request: Request) -> RedirectResponse:
    return RedirectResponse("http://evil.example/steal")


async def slow(request: Request) -> Response:
    await asyncio.Event().wait()
    return Response()


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[str]:
    routes = [
        Route("/login", login),
        Route("/near", near),
        Route("/far", far),
        Route("/slow", slow),
        Route("/echo", echo, name="echo"),
    ]
    server = AsgiServer(Starlette(routes=routes), "legacy", str(tmp_path / "legacy.sock"))
    await server.start()
    yield server.endpoint
    await server.stop(0.1)


@pytest.fixture
async def calls() -> AsyncIterator[HttpCalls]:
    calls = HttpCalls()
    yield calls
    await calls.close()


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_arguments_are_those_of_httpx(endpoint: str, calls: HttpCalls) -> None:
    response = await calls.request(
        endpoint, "GET", "/echo", deadline=soon(), params={"a": 1}, headers={"x-own": "kept"}
    )
    assert isinstance(response, httpx.Response)
    seen = response.json()
    assert (seen["query"], seen["headers"]["x-own"]) == ("a=1", "kept")


async def test_any_status_is_an_answer(endpoint: str, calls: HttpCalls) -> None:
    assert (await calls.request(endpoint, "GET", "/nothing", deadline=None)).status_code == 404


async def test_the_trace_of_the_call_goes_along(endpoint: str, calls: HttpCalls) -> None:
    token = CURRENT.set(CallContext(trace=b"\xab" * 16))
    try:
        response = await calls.request(endpoint, "GET", "/echo", deadline=None)
    finally:
        CURRENT.reset(token)
    assert response.json()["headers"]["traceparent"].split("-")[1] == "ab" * 16


async def test_cookies_of_one_caller_are_not_sent_for_another(endpoint: str, calls: HttpCalls) -> None:
    await calls.request(endpoint, "GET", "/login", deadline=None)
    response = await calls.request(endpoint, "GET", "/echo", deadline=None)
    assert "cookie" not in response.json()["headers"]


async def test_redirects_are_answers_unless_they_are_to_be_followed(endpoint: str, calls: HttpCalls) -> None:
    assert (await calls.request(endpoint, "GET", "/near", deadline=None)).status_code == 307


async def test_a_redirect_elsewhere_is_never_followed(endpoint: str, calls: HttpCalls) -> None:
    response = await calls.request(endpoint, "GET", "/far", deadline=None, follow_redirects=True)
    assert (response.status_code, response.headers["location"]) == (307, "http://evil.example/steal")


@pytest.mark.parametrize("path", ["http://evil.example/", "//evil.example/", "x", ""])
async def test_a_path_cannot_name_another_host(endpoint: str, calls: HttpCalls, path: str) -> None:
    with pytest.raises(BadArguments, match="is no path"):
        await calls.request(endpoint, "GET", path, deadline=None)


async def test_arguments_that_make_no_request_are_refused(endpoint: str, calls: HttpCalls) -> None:
    with pytest.raises(BadArguments, match="GET /echo at"):
        await calls.request(endpoint, "GET", "/echo", deadline=None, jsn={})


@pytest.mark.parametrize("endpoint", ["http+unix:/nowhere/x.sock", "http://127.0.0.1:1"])
async def test_where_nobody_listens_nothing_was_sent(endpoint: str, calls: HttpCalls) -> None:
    with pytest.raises(NotSent, match="cannot connect for GET /x at"):
        await calls.request(endpoint, "GET", "/x", deadline=soon())


async def test_an_endpoint_of_another_kind_is_refused(calls: HttpCalls) -> None:
    with pytest.raises(BadArguments, match="'unix:/x' is no HTTP endpoint"):
        await calls.request("unix:/x", "GET", "/x", deadline=None)


async def test_the_deadline_covers_the_whole_answer(endpoint: str, calls: HttpCalls) -> None:
    with pytest.raises(DeadlineExceeded, match=r"GET /slow at .* did not answer before its deadline"):
        await calls.request(endpoint, "GET", "/slow", deadline=soon(0.05))


async def test_a_connection_that_breaks_is_lost(tmp_path: Path, calls: HttpCalls) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.close()

    async with await asyncio.start_unix_server(hang_up, str(tmp_path / "broken.sock")):
        with pytest.raises(ConnectionLost, match="the connection broke during GET /x"):
            await calls.request(f"http+unix:{tmp_path}/broken.sock", "GET", "/x", deadline=soon())


async def test_pools_of_endpoints_that_went_are_let_go(calls: HttpCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_call, "MAX_POOLS", 3)
    for number in range(10):
        with contextlib.suppress(NotSent):
            await calls.request(f"http+unix:/nowhere/{number}.sock", "GET", "/", deadline=soon())
    assert len(calls._pools) == 3
    assert calls._in_use.keys() == calls._pools.keys()
