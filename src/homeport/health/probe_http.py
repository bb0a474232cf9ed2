"""Asks an HTTP server, and judges its answer."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import SplitResult, urljoin, urlsplit

from homeport.health.addresses import Unreachable, addresses
from homeport.health.allowed import Allowed
from homeport.health.checks import Failed, Passed, Result
from homeport.health.probe_tcp import NotConnected, printable
from homeport.health.targets import HttpTarget, missing_text, passes, shown

if TYPE_CHECKING:
    import httpx

MOST_BODY = 64 * 1024  # bytes of an answer that are looked at
_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}


class HttpProbe:
    """Sends one request per look, each on a connection of its own, through no proxy and with no cookies.

    It connects to the very address that was found to be allowed, and follows redirects only on the host asked.
    """

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._clients: dict[bool | None, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def __call__(self, target: HttpTarget) -> Result:
        url = target.url
        for _ in range(1 + _REDIRECTS):
            try:
                answer = await self._ask(target, url)
            except Unreachable as error:
                return Failed(f"{shown(target)}: {error}")
            if isinstance(answer, Failed):
                return answer
            code, headers, body = answer
            if passes(target.statuses, code):
                return _judge_body(target, code, body)
            location = headers.get("location", "") if 300 <= code < 400 else ""
            if not location:
                return Failed(f"{shown(target)} answered {code}; {_wanted(target)} is wanted")
            url = _joined(url, location)
            if not _stays(urlsplit(target.url), url):
                return Failed(f"{shown(target)} redirects ({code}) to {printable(url)}: a check stays with its host")
        return Failed(f"{shown(target)} redirects more than {_REDIRECTS} times")

    async def _ask(self, target: HttpTarget, url: str) -> tuple[int, httpx.Headers, str] | Failed:
        import httpx

        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        client = await self._client(target, parts.scheme)
        failures = NotConnected(target)
        for address in await addresses(host, port, self._allowed):
            request = client.build_request(
                target.method,
                httpx.URL(url).copy_with(host=address, username=None, password=None),
                headers={
                    "Host": parts.netloc.rpartition("@")[2],
                    "User-Agent": "homeport-check",
                    **dict(target.headers),
                },
                extensions={"sni_hostname": host},
            )
            try:
                return await _exchange(client, request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failures.add(error)
            except httpx.HTTPError as error:
                return Failed(f"{shown(target)}: {printable(str(error)) or type(error).__name__}")
        return failures.result()

    async def _client(self, target: HttpTarget, scheme: str) -> httpx.AsyncClient:
        import httpx

        key = target.verify if scheme == "https" else None
        if key not in self._clients:
            # Reading the system's certificates takes as long as many checks.
            verify = await asyncio.to_thread(_tls, target.verify) if scheme == "https" else False
            self._clients[key] = httpx.AsyncClient(
                verify=verify,
                trust_env=False,
                follow_redirects=False,
                timeout=None,  # noqa: S113 - whoever probes sets the time
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        client = self._clients[key]
        client.cookies.clear()
        return client


def _tls(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _exchange(client: httpx.AsyncClient, request: httpx.Request) -> tuple[int, httpx.Headers, str]:
    """Status, headers, and as much of the body as is looked at."""
    response = await client.send(request, stream=True)
    try:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) >= MOST_BODY:
                break
        return response.status_code, response.headers, body[:MOST_BODY].decode("utf-8", "replace")
    finally:
        await response.aclose()


def _judge_body(target: HttpTarget, code: int, body: str) -> Result:
    missing = missing_text(target.body, body)
    if not missing:
        return Passed(f"{shown(target)} answered {code}")
    begins = printable(body[:80])
    return Failed(f"{shown(target)} answered {code}, but its body lacks {missing!r}; it begins {begins!r}")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # which is on no host at all


def _stays(asked: SplitResult, url: str) -> bool:
    """Whether the URL is still on the host and port that was asked, or on its HTTPS."""
    try:
        then = urlsplit(url)
        ports = asked.port or _PORTS[asked.scheme], then.port or _PORTS.get(then.scheme, 0)
    except ValueError:
        return False
    if then.scheme not in _PORTS or then.hostname != asked.hostname:
        return False
    return (asked.scheme, ports[0]) == (then.scheme, ports[1]) or (then.scheme, *ports) == ("https", 80, 443)


def _wanted(target: HttpTarget) -> str:
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in target.statuses)
