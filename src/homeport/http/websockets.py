"""WebSockets below /apps/: a bridge between the browser and the app's instance."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.types import Message, Receive, Scope, Send

from homeport.errors import HomeportError, NotSent
from homeport.http.exchange import log
from homeport.http.ports import HttpBalancer, Loan
from homeport.http.problems import MEDIA_TYPE, HttpError, encode_problem, problem_of, refuse
from homeport.http.proxy import ATTEMPTS, PREFIX, RequirePublic, request_headers, target_path

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

OPEN_TIMEOUT = 10.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_GOING_AWAY, _POLICY, _BROKEN = 1001, 1008, 1011
_UNSENDABLE = frozenset({1005, 1006, 1015})  # codes that only describe what a peer did


class WebSocketBridge:
    """Passes messages on both ways until one side closes; the other is then closed with the same code."""

    def __init__(self, balancer: HttpBalancer, require_public: RequirePublic) -> None:
        self._balancer = balancer
        self._require_public = require_public

    def unsupported(self) -> HttpError:
        """The answer to an upgrade where the ``websockets`` library is not installed."""
        return refuse(
            501,
            "no_websockets",
            "this node cannot carry WebSockets: the library for them is not installed",
            next="pip install 'homeport[websockets]' and start the node again",
        )

    async def answer(self, scope: Scope, receive: Receive, send: Send, refusal: HttpError | None) -> None:
        """Serve one WebSocket; ``refusal`` says why it may not be opened."""
        await receive()  # websocket.connect
        try:
            if refusal is not None:
                raise refusal
            path: str = scope["path"]
            service, slash, rest = path.removeprefix(PREFIX).partition("/")
            if not path.startswith(PREFIX) or not slash:
                raise refuse(404, "not_found", f"there is no WebSocket at {path}", next=f"open {PREFIX}SERVICE/…")
            self._require_public(service)
            await self._bridge(scope, receive, send, service, f"/{rest}")
        except HomeportError as error:
            await _reject(scope, send, error)

    async def _bridge(self, scope: Scope, receive: Receive, send: Send, service: str, path: str) -> None:
        tried: set[str] = set()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._balancer.lend(service, tried) as loan:
                    tried.add(loan.endpoint)
                    upstream = await _open(scope, loan, service, path)
                    try:
                        loan.answered(failed=False)
                        await send({"type": "websocket.accept", "subprotocol": upstream.subprotocol})
                        await _carry(receive, send, upstream)
                    finally:
                        await upstream.close()
                return
            except NotSent:
                if attempt == ATTEMPTS:
                    raise


async def _open(scope: Scope, loan: Loan, service: str, path: str) -> ClientConnection:
    from websockets.asyncio.client import connect, unix_connect
    from websockets.exceptions import InvalidHandshake, InvalidStatus

    given = request_headers(scope, service, loan.endpoint)
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in given
        if not name.startswith(b"sec-websocket-") and name not in (b"host", b"accept-encoding")
    ]
    host = next((value.decode("latin-1") for name, value in given if name == b"host"), "localhost")
    options: Any = {
        "additional_headers": headers,
        "subprotocols": scope.get("subprotocols") or None,
        "open_timeout": OPEN_TIMEOUT,
        "max_size": MAX_MESSAGE_BYTES,
        "ping_interval": None,  # the browser's side is pinged already
        "compression": None,
    }
    target = target_path(scope, path)
    try:
        if loan.endpoint.startswith("http+unix:"):
            socket = loan.endpoint.removeprefix("http+unix:")
            return await unix_connect(socket, uri=f"ws://{host}{target}", **options)
        return await connect("ws" + loan.endpoint.removeprefix("http").rstrip("/") + target, proxy=None, **options)
    except InvalidStatus as error:
        status = error.response.status_code
        detail = f"the app {service!r} refused the WebSocket with status {status}"
        raise refuse(status if 400 <= status <= 599 else 502, "websocket_refused", detail) from error
    except (OSError, TimeoutError, InvalidHandshake) as error:
        raise NotSent(f"cannot open a WebSocket to {loan.endpoint}: {error}") from error


async def _carry(receive: Receive, send: Send, upstream: ClientConnection) -> None:
    from websockets.exceptions import ConnectionClosed

    async def up() -> None:
        """From the browser to the app, until the browser closes."""
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code", _GOING_AWAY)
                await upstream.close(_GOING_AWAY if code in _UNSENDABLE else code, message.get("reason") or "")
                return
            text = message.get("text")
            await upstream.send(text if text is not None else message["bytes"])

    async def down() -> None:
        """From the app to the browser, until the app closes."""
        async for received in upstream:
            kind = "text" if isinstance(received, str) else "bytes"
            await send({"type": "websocket.send", kind: received})

    tasks = {asyncio.create_task(up(), name="http.ws-up"), asyncio.create_task(down(), name="http.ws-down")}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, ConnectionClosed):
            log.warning("websocket.broken", extra={"why": repr(result)})
    if any(task.get_name() == "http.ws-up" and task.exception() is None for task in done):
        return  # the browser has closed
    code = upstream.close_code or _BROKEN
    await send(_closing(_GOING_AWAY if code in _UNSENDABLE else code, upstream.close_reason or ""))


async def _reject(scope: Scope, send: Send, error: HomeportError) -> None:
    """Refuse before the WebSocket is open: with a problem where the server can send one."""
    problem = problem_of(error)
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send(_closing(_POLICY, problem.title))
        return
    body = encode_problem(problem)
    headers = [(b"content-type", MEDIA_TYPE), (b"content-length", b"%d" % len(body))]
    await send({"type": "websocket.http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


def _closing(code: int, reason: str) -> Message:
    return {"type": "websocket.close", "code": code, "reason": reason}
