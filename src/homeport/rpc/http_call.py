"""Requests to services that answer HTTP (outside programs, ASGI apps), with the deadlines and errors of every call."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from homeport.errors import BadArguments, ConnectionLost, DeadlineExceeded, NotSent, ProtocolError
from homeport.rpc.context import CURRENT, new_span

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT = 3.0
MAX_POOLS = 128  # endpoints whose connections are kept; sockets of workers change with each restart
MAX_REDIRECTS = 10
_IDLE_CONNECTION = 30.0  # seconds; a worker's own limit is longer, so it never closes what is being reused
_UNIX = "http+unix:"


class HttpCalls:
    """Pools connections by endpoint: ``http://host:port``, ``https://…`` or ``http+unix:/path``.

    Cookies are neither kept nor sent by themselves: one pool serves many callers.
    """

    def __init__(self) -> None:
        self._pools: OrderedDict[str, httpx.AsyncClient] = OrderedDict()
        self._in_use: dict[str, int] = {}

    async def request(
        self, endpoint: str, method: str, path: str, *, deadline: float | None, **kwargs: Any
    ) -> httpx.Response:
        """The whole answer, whatever its status; ``kwargs`` are those of ``httpx.AsyncClient.request``.

        ``deadline`` is a moment on the loop's clock. With ``follow_redirects=True`` redirects are followed on the same
        endpoint only; one that leads elsewhere is returned as it is.

        Raises:
            BadArguments: ``path`` is no absolute path, or the arguments make no request.
            NotSent: no connection could be made.
            ConnectionLost: it broke before the answer was there.
            DeadlineExceeded: the answer took too long.
        """
        follow = bool(kwargs.pop("follow_redirects", False))
        async with self.stream(endpoint, method, path, deadline=deadline, **kwargs) as response:
            await response.aread()
            for _ in range(MAX_REDIRECTS):
                target = _same_place(response) if follow else None
                if target is None:
                    break
                response = await (await self._pool(endpoint)).send(target)
            return response

    @asynccontextmanager
    async def stream(
        self, endpoint: str, method: str, path: str, *, deadline: float | None, **kwargs: Any
    ) -> AsyncIterator[httpx.Response]:
        """Like ``request``, with the body still to be read inside the block. The deadline covers the whole block."""
        import httpx

        if not path.startswith("/") or path.startswith("//"):
            raise BadArguments(f"{path!r} is no path: begin it with one '/'; the host is that of the chosen instance")
        what = f"{method} {path} at {endpoint}"
        client = await self._pool(endpoint)
        try:
            request = client.build_request(method, _base(endpoint) + path, **_traced(kwargs))
        except (httpx.InvalidURL, TypeError, ValueError) as error:
            raise BadArguments(f"{what}: {error}") from error
        self._in_use[endpoint] += 1
        try:
            async with asyncio.timeout_at(deadline):
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    yield response
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(f"cannot connect for {what}: {error or type(error).__name__}") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise DeadlineExceeded(f"{what} did not answer before its deadline") from error
        except httpx.TransportError as error:
            raise ConnectionLost(f"the connection broke during {what}: {error or type(error).__name__}") from error
        except httpx.DecodingError as error:
            raise ProtocolError(f"the answer to {what} cannot be decoded: {error}") from error
        finally:
            self._in_use[endpoint] -= 1

    async def close(self) -> None:
        """Close all connections."""
        pools = list(self._pools.values())
        self._pools.clear()
        for pool in pools:
            await pool.aclose()

    async def _pool(self, endpoint: str) -> httpx.AsyncClient:
        pool = self._pools.get(endpoint)
        if pool is None:
            pool = self._pools[endpoint] = _new_pool(endpoint)
            self._in_use.setdefault(endpoint, 0)
            await self._evict(keep=endpoint)
        self._pools.move_to_end(endpoint)
        return pool

    async def _evict(self, keep: str) -> None:
        """Close what has been idle longest, when there are too many."""
        if len(self._pools) <= MAX_POOLS:
            return
        idle = next((one for one in self._pools if one != keep and not self._in_use[one]), None)
        if idle is not None:
            del self._in_use[idle]
            await self._pools.pop(idle).aclose()


def _new_pool(endpoint: str) -> httpx.AsyncClient:
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx

    limits = httpx.Limits(max_connections=256, max_keepalive_connections=32, keepalive_expiry=_IDLE_CONNECTION)
    path = endpoint.removeprefix(_UNIX) if endpoint.startswith(_UNIX) else None
    return httpx.AsyncClient(
        # Reading the certificates of the system takes longer than many a request; only https looks at them.
        transport=httpx.AsyncHTTPTransport(
            uds=path, limits=limits, trust_env=False, verify=endpoint.startswith("https://")
        ),
        timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT, pool=CONNECT_TIMEOUT),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
    )


def _base(endpoint: str) -> str:
    if endpoint.startswith(_UNIX):
        return "http://localhost"
    if endpoint.startswith(("http://", "https://")):
        return endpoint.rstrip("/")
    raise BadArguments(f"{endpoint!r} is no HTTP endpoint; it begins with http://, https:// or {_UNIX}")


def _traced(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The request's arguments with the trace of the call that makes it, unless they have their own."""
    import httpx

    context = CURRENT.get()
    if context is None or not context.trace:
        return kwargs
    headers = httpx.Headers(kwargs.get("headers"))
    headers.setdefault("traceparent", f"00-{context.trace_id}-{new_span().hex()}-01")
    return {**kwargs, "headers": headers}


def _same_place(response: httpx.Response) -> httpx.Request | None:
    """The request that a redirect asks for, if it stays at the endpoint that gave it."""
    target = response.next_request
    if target is None:
        return None
    here, there = response.request.url, target.url
    same = (here.scheme, here.host, here.port) == (there.scheme, there.host, there.port)
    return target if same else None
