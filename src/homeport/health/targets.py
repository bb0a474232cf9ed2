"""What a declared check looks at, read from its declaration and the endpoints of its instance."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

import msgspec

from homeport.model import Check

KINDS = ("http", "tcp", "grpc", "ttl", "command")
_METHODS = ("GET", "HEAD", "OPTIONS")  # a check looks; it does not do
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}\Z")
_OURS = ("connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer")
_STATUS = re.compile(r"\s*([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?\s*\Z")
_GRPC_NAME = re.compile(r"[\w.$-]*\Z")
_WEEK = 7 * 86_400.0
_SHORTEST = 0.1  # seconds


class HttpTarget(msgspec.Struct, frozen=True):
    url: str
    method: str
    statuses: tuple[tuple[int, int], ...]
    body: tuple[str, ...]  # texts that the answer must contain, in this order
    headers: tuple[tuple[str, str], ...]
    verify: bool


class TcpTarget(msgspec.Struct, frozen=True):
    host: str
    port: int


class GrpcTarget(msgspec.Struct, frozen=True):
    host: str
    port: int
    service: str  # "": the server as a whole
    tls: bool


class CommandTarget(msgspec.Struct, frozen=True):
    arguments: tuple[str, ...]


class TtlTarget(msgspec.Struct, frozen=True):
    seconds: float


Target = HttpTarget | TcpTarget | GrpcTarget | CommandTarget | TtlTarget


def target_of(check: Check, endpoints: Sequence[str]) -> Target:
    """What the check looks at.

    Raises:
        ValueError: the declaration does not say; the message begins with the field that is wrong.
    """
    _numbers(check)
    match check.kind:
        case "http":
            return _http(check, endpoints)
        case "tcp":
            return TcpTarget(*_host_and_port(_address(check, endpoints)))
        case "grpc":
            return _grpc(check, endpoints)
        case "ttl":
            return TtlTarget(check.interval)
        case "command":
            if not check.arguments or not check.arguments[0]:
                raise ValueError("arguments: name the program to run, and its arguments")
            return CommandTarget(check.arguments)
        case _:
            raise ValueError(f"kind: {check.kind[:80]!r} is none of {', '.join(KINDS)}")


def shown(target: Target) -> str:
    """As people would write it, without what may be secret."""
    match target:
        case HttpTarget():
            parts = urlsplit(target.url)
            return f"{target.method} {parts.scheme}://{_netloc(parts.hostname or '', parts.port)}{parts.path}"
        case TcpTarget():
            return _netloc(target.host, target.port)
        case GrpcTarget():
            return f"gRPC {_netloc(target.host, target.port)}{'/' if target.service else ''}{target.service}"
        case CommandTarget():
            return target.arguments[0]
        case TtlTarget():
            return "heartbeat"


def passes(statuses: Sequence[tuple[int, int]], code: int) -> bool:
    return any(low <= code <= high for low, high in statuses)


def missing_text(pieces: Sequence[str], text: str) -> str:
    """The first piece that ``text`` lacks, all being looked for in order; "" when it has them all.

    Plain texts take time in proportion to the answer, which no regular expression of a stranger's would promise.
    """
    position = 0
    for piece in pieces:
        found = text.find(piece, position)
        if found < 0:
            return piece
        position = found + len(piece)
    return ""


# -- reading -----------------------------------------------------------------------------------------------------------


def _numbers(check: Check) -> None:
    for name, seconds in (("interval", check.interval), ("timeout", check.timeout)):
        if not _SHORTEST <= seconds <= _WEEK:
            raise ValueError(f"{name}: {seconds} is not between {_SHORTEST:g} and {_WEEK:g} seconds")
    after = check.deregister_after
    if after is not None and not (math.isfinite(after) and after >= check.interval):
        raise ValueError(f"deregister_after: {after} is less than the interval of {check.interval:g} seconds")
    if not 0 <= check.jitter <= 0.5:
        raise ValueError(f"jitter: {check.jitter} is not a share between 0 and 0.5")
    for name, count in (("failures", check.failures), ("successes", check.successes)):
        if not 1 <= count <= 100:
            raise ValueError(f"{name}: {count} is not between 1 and 100")


def _http(check: Check, endpoints: Sequence[str]) -> HttpTarget:
    if check.method not in _METHODS:
        raise ValueError(f"method: {check.method[:20]!r} is none of {', '.join(_METHODS)}")
    url = check.target
    if not url.startswith(("http://", "https://")):
        if url and not url.startswith("/"):
            raise ValueError(f"target: {url[:80]!r} is neither a path (/health) nor a URL (http://…)")
        base = next((one for one in endpoints if one.startswith(("http://", "https://"))), None)
        if base is None:
            raise ValueError("target: give a URL (http://host:port/path), since no endpoint is one")
        url = base.rstrip("/") + (url or "/")
    parts = _split(url)
    if not parts.hostname:
        raise ValueError(f"target: {url[:80]!r} names no host")
    if parts.username or parts.password:
        raise ValueError("target: leave user and password out of the URL; use headers")
    for name, value in check.headers.items():
        if not _HEADER.match(name) or name.lower() in _OURS or not value.isprintable():
            raise ValueError(f"headers: {name[:80]!r} with this value is no header that a check may send")
    return HttpTarget(
        url=url,
        method=check.method,
        statuses=_statuses(check.status),
        body=tuple(piece for piece in check.body.split("*") if piece),
        headers=tuple(check.headers.items()),
        verify=check.verify,
    )


def _statuses(text: str) -> tuple[tuple[int, int], ...]:
    ranges = []
    for part in text.split(","):
        found = _STATUS.match(part)
        low, high = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if low > high:
            raise ValueError(f"status: {text[:80]!r} must be codes and ranges from 100 to 599, as in '200-299,304'")
        ranges.append((low, high))
    return tuple(ranges)


def _grpc(check: Check, endpoints: Sequence[str]) -> GrpcTarget:
    target, tls = check.target, check.target.startswith("grpcs://")
    target = target.removeprefix("grpcs://").removeprefix("grpc://")
    place, _, service = target.partition("/")
    if not _GRPC_NAME.match(service):
        raise ValueError(f"target: {service[:80]!r} is no name of a gRPC service")
    host, port = _host_and_port(place or _endpoint(endpoints))
    return GrpcTarget(host, port, service, tls)


def _address(check: Check, endpoints: Sequence[str]) -> str:
    return check.target.removeprefix("tcp://") or _endpoint(endpoints)


def _endpoint(endpoints: Sequence[str]) -> str:
    """The first endpoint that can be connected to, as ``host:port``."""
    for endpoint in endpoints:
        if endpoint.startswith("tcp://"):
            return endpoint.removeprefix("tcp://")
        if endpoint.startswith(("http://", "https://")):
            parts = _split(endpoint)
            return _netloc(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    raise ValueError("target: give host:port, since no endpoint is tcp:// or http://")


def _host_and_port(text: str) -> tuple[str, int]:
    parts = _split(f"//{text}")
    if not parts.hostname or not parts.port or parts.path or parts.query or parts.username is not None:
        raise ValueError(f"target: {text[:80]!r} is not host:port")
    return parts.hostname, parts.port


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"target: {url[:80]!r} cannot be read: {error}") from None
    return parts


def _netloc(host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"
