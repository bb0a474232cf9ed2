"""/apps/{service}/…: passes requests on to services that are web apps, streaming both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from homeport.durations import parse_duration
from homeport.errors import DeadlineExceeded, NotAllowed, NotSent
from homeport.http.directory import Directory
from homeport.http.exchange import Exchange
from homeport.http.ports import HttpBalancer, Loan
from homeport.http.problems import refuse
from homeport.rpc.context import CURRENT, CallContext
from homeport.rpc.http_call import HttpCalls

if TYPE_CHECKING:
    import httpx

PREFIX = "/apps/"
ATTEMPTS = 3
HEAD_TIMEOUT = 60.0  # seconds until the answer begins, unless Homeport-Timeout says otherwise

# RFC 9110, section 7.6.1: they speak of one connection, not of the message.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_SET_HERE = frozenset(
    {
        b"forwarded",
        b"traceparent",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
    }
)
_Headers = list[tuple[bytes, bytes]]
RequirePublic = Callable[[str], None]


class AppProxy:
    """Hands a request to an instance of the app; one that cannot be reached is passed over for another."""

    def __init__(self, balancer: HttpBalancer, calls: HttpCalls, directory: Directory, *, public_only: bool) -> None:
        self._balancer, self._calls = balancer, calls
        self._directory = directory
        self._public_only = public_only

    async def answer(self, exchange: Exchange) -> None:
        """Answer a request whose path begins with ``PREFIX``."""
        service, slash, path = exchange.path.removeprefix(PREFIX).partition("/")
        if not service:
            raise refuse(404, "not_found", f"{exchange.path} names no app", next=f"GET {PREFIX}SERVICE/")
        exchange.service = service
        self.require_public(service)
        if not slash:
            await exchange.answer(b"", status=308, headers=[(b"location", f"{PREFIX}{service}/".encode())])
            return
        CURRENT.set(CallContext(trace=exchange.trace.trace, span=exchange.trace.span))
        tried: set[str] = set()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._balancer.lend(service, tried) as loan:
                    tried.add(loan.endpoint)
                    await self._pass_on(exchange, loan, f"/{path}")
                return
            except NotSent:
                if attempt == ATTEMPTS:
                    raise

    def require_public(self, service: str) -> None:
        """On an open bind, only what the app's author made public.

        Raises:
            NotAllowed: it is not.
        """
        if not self._public_only:
            return
        contract = self._directory.contract(service)
        public = contract.public if contract is not None else False
        if not public and not any(instance.public for instance in self._directory.instances(service)):
            raise NotAllowed(
                f"the app {service!r} is not public; mark it @service(public=True) to reach it from outside"
            )

    async def _pass_on(self, exchange: Exchange, loan: Loan, path: str) -> None:
        stream = self._calls.stream(
            loan.endpoint,
            exchange.method,
            target_path(exchange.scope, path),
            deadline=None,
            headers=request_headers(exchange.scope, exchange.service, loan.endpoint),
            content=exchange.chunks() if exchange.has_body else None,
        )
        patience = _head_timeout(exchange)
        try:
            async with exchange.while_connected(), asyncio.timeout(patience) as head, stream as response:
                head.reschedule(None)
                loan.answered(response.status_code >= 500)
                await exchange.start(response.status_code, response_headers(response.headers.raw))
                await _send_body(exchange, response)
        except TimeoutError as error:
            if not head.expired():
                raise
            raise DeadlineExceeded(f"the app {exchange.service!r} did not answer within {patience:g} s") from error


async def _send_body(exchange: Exchange, response: httpx.Response) -> None:
    async for chunk in response.aiter_raw():
        await exchange.send(chunk, more=True)
    await exchange.send(b"")


def target_path(scope: Any, path: str) -> str:
    """The path and query to ask the app for, with the escapes that the client wrote."""
    raw: bytes = scope.get("raw_path") or b""
    raw_tail = raw.partition(b"?")[0].split(b"/", 3)
    escaped = "/" + raw_tail[3].decode("latin-1") if len(raw_tail) == 4 else quote(path)
    query: bytes = scope.get("query_string", b"")
    return f"{escaped}?{query.decode('latin-1')}" if query else escaped


def request_headers(scope: Any, service: str, endpoint: str) -> _Headers:
    """The client's headers for the app: without those of its connection, with where they came from.

    An app of ours keeps the ``Host``; an outside server is asked by its own name.
    """
    client: tuple[str, int] | None = scope.get("client")
    host = next((value for name, value in scope["headers"] if name == b"host"), b"localhost")
    kept = _end_to_end(scope["headers"], _SET_HERE if endpoint.startswith("http+unix:") else _SET_HERE | {b"host"})
    if not any(name == b"accept-encoding" for name, _ in kept):
        kept.append((b"accept-encoding", b"identity"))  # what the client did not ask for, the app must not be asked for
    return [
        *kept,
        (b"x-forwarded-for", (client[0] if client else "127.0.0.1").encode()),
        (b"x-forwarded-proto", str(scope["scheme"]).encode()),
        (b"x-forwarded-host", host),
        (b"x-forwarded-prefix", f"{PREFIX}{service}".encode()),
    ]


def response_headers(raw: Iterable[tuple[bytes, bytes]]) -> _Headers:
    """The app's headers for the client."""
    return _end_to_end(((name.lower(), value) for name, value in raw), frozenset({b"date", b"server", b"traceparent"}))


def _end_to_end(headers: Iterable[tuple[bytes, bytes]], also_drop: frozenset[bytes]) -> _Headers:
    given = list(headers)
    named = {
        name.strip().lower() for header, value in given if header == b"connection" for name in value.split(b",")
    }  # a Connection header may name more of them
    drop = _HOP_BY_HOP | also_drop | named
    return [(name, value) for name, value in given if name not in drop]


def _head_timeout(exchange: Exchange) -> float:
    given = exchange.headers.get(b"homeport-timeout")
    try:
        return parse_duration(given.decode("latin-1")) if given else HEAD_TIMEOUT
    except ValueError as error:
        raise refuse(400, "bad_timeout", f"the header Homeport-Timeout cannot be read: {error}") from None
