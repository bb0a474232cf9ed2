"""The pages that people see, whole in this package: nothing is fetched from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from homeport.http.exchange import Exchange
from homeport.http.problems import refuse

_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css",
    ".svg": b"image/svg+xml",
}
_HEADERS = (
    (b"cache-control", b"no-cache"),
    (b"content-security-policy", b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


class Pages:
    """Serves the files beside this module."""

    async def landing(self, exchange: Exchange) -> None:
        await self.asset(exchange, "landing.html")

    async def docs(self, exchange: Exchange) -> None:
        await self.asset(exchange, "docs.html")

    async def asset(self, exchange: Exchange, name: str) -> None:
        found = _assets().get(name)
        if found is None:
            raise refuse(404, "not_found", f"there is no page {exchange.path}", next="GET / lists the services")
        kind, body = found
        await exchange.answer(body, content_type=kind, headers=_HEADERS)


@cache
def _assets() -> dict[str, tuple[bytes, bytes]]:
    """Name → (type, content): read once; a name that is not here cannot be asked for."""
    folder = files("homeport.http") / "assets"
    return {
        entry.name: (_TYPES["." + entry.name.rpartition(".")[2]], entry.read_bytes())
        for entry in folder.iterdir()
        if "." + entry.name.rpartition(".")[2] in _TYPES
    }
